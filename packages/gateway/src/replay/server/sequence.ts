import type { QueuedEvent } from '../columns/event-queue.js'
import type { Linked } from '../columns/linked-list.js'
import type { ServerRequest } from './server-request.js'

/** A request and its progress. While it writes, `at` is the number of the step in which it ends. */
export interface Sequence<R> extends Linked<Sequence<R>>, QueuedEvent {
  readonly request: R
  /** Prompt tokens that need not be read. At least one is read. */
  readonly cached: number
  /** Tokens to read before the next output token: the prompt and, after a preemption, the output. */
  unread: number
  /** Tokens that are being read in the current step. */
  chunk: number
  /** Tokens in the KV cache and output tokens, at the step `since`. */
  held: number
  output: number
  /** Number of the step at whose end it began to write. */
  since: number
  at: number
  hasBegun: boolean
  isRunning: boolean
  isCancelled: boolean
  /** The output that was last reported. */
  reported: number
}

export function createSequence<R extends ServerRequest>(request: R): Sequence<R> {
  const input = Math.max(1, request.input)
  const cached = Math.min(request.cached ?? 0, input - 1)
  return {
    ...{ request, cached, unread: input - cached, chunk: 0, held: 0, output: 0, since: 0, at: 0 },
    ...{ hasBegun: false, isRunning: false, isCancelled: false, reported: 0 },
    ...{ number: 0, index: -1, previous: undefined, next: undefined },
  }
}

/** Returns the output of a request after a number of steps. */
export function outputAfter(steps: number, { index, output, since }: Sequence<unknown>): number {
  return index < 0 ? output : output + steps - since
}

/**
 * Returns the most tokens that requests will hold at once, if no other request starts.
 *
 * @param steps number of steps that have ended
 */
export function peakTokens<R extends ServerRequest>(
  sequences: readonly Sequence<R>[],
  steps: number,
): number {
  const progress = sequences
    .map((sequence) => {
      const output = outputAfter(steps, sequence)
      return { held: sequence.request.input + output, left: sequence.request.output - output }
    })
    .sort((one, other) => other.left - one.left)
  let peak = 0
  let held = 0
  // The cache is fullest when a request ends: those that outlast it have written as much as it.
  for (const [index, sequence] of progress.entries()) {
    held += sequence.held
    peak = Math.max(peak, held + sequence.left * (index + 1))
  }
  return peak
}
