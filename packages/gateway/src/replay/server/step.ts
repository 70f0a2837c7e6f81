import type { Sequence } from './sequence.js'

/**
 * Steps begin and end on multiples of this fraction of a millisecond. Sums of such times are exact
 * in double precision, so a run of equal steps ends at the same time whether it is computed at once
 * or step by step.
 */
const TICKS_PER_MS = 2 ** 20

/** One step, or a run of equal steps in which running requests write and nothing else happens. */
export interface Step<R> {
  readonly startedAt: number
  readonly hasPreempted: boolean
  /** Requests that read in this step. */
  readonly readers: Sequence<R>[]
  /** Tokens that may still be added to the step. */
  budget: number
  durationMs: number
  /** Number of equal steps. */
  count: number
}

/** Returns the time of the first possible start of a step at or after a time. */
export function startOfStep(at: number): number {
  return Math.ceil(at * TICKS_PER_MS) / TICKS_PER_MS
}

/** Rounds the duration of a step so that steps begin at possible times. */
export function durationOfStep(milliseconds: number): number {
  return Math.max(1, Math.round(milliseconds * TICKS_PER_MS)) / TICKS_PER_MS
}

export function endOf<R>({ startedAt, durationMs, count }: Step<R>): number {
  return startedAt + count * durationMs
}

/** Returns the number of steps after which the time is at least `at`. */
export function stepsTo<R>({ startedAt, durationMs }: Step<R>, at: number): number {
  if (!Number.isFinite(at)) return at > 0 ? at : 0
  let count = Math.ceil((at - startedAt) / durationMs)
  while (startedAt + count * durationMs < at) count++
  while (startedAt + (count - 1) * durationMs >= at) count--
  return count
}

/** Returns the number of steps of a run that have ended at a time. */
export function stepsUntil<R>(step: Step<R>, now: number): number {
  const count = stepsTo(step, now)
  const ended = step.startedAt + count * step.durationMs === now ? count : count - 1
  return Math.max(0, Math.min(ended, step.count))
}
