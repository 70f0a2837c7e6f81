import { performance } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'

/** Long work that can be put down: every `yield` is a place to pause, and says how much is done, from 0 to 1. */
export type Slices<Result> = Generator<number, Result, void>

/** How long one slice may hold the event loop before others get their turn, in milliseconds. */
const SLICE = 10

/**
 * Does the work in short slices, so that the process goes on answering meanwhile.
 *
 * @throws what `signal` was aborted with, at the next pause
 */
export async function inSlices<Result>(
  work: Slices<Result>,
  onProgress: (done: number) => void = () => {},
  signal?: AbortSignal,
): Promise<Result> {
  let since = performance.now()
  for (;;) {
    const step = work.next()
    if (step.done) return step.value
    if (performance.now() - since < SLICE) continue
    onProgress(step.value)
    await nextTurn()
    signal?.throwIfAborted()
    since = performance.now()
  }
}

/** Does the work in one go: for programs that have nothing else to do. */
export function atOnce<Result>(work: Slices<Result>): Result {
  for (;;) {
    const step = work.next()
    if (step.done) return step.value
  }
}
