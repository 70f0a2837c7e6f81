import { performance } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'

/** Long work that can pause at every `yield`, which reports the progress from 0 to 1. */
export type Slices<Result> = Generator<number, Result, void>

/** Time after which a slice yields to the event loop, in milliseconds. */
const MAX_SLICE_MS = 10

/**
 * Runs work in short slices, so that the process stays responsive.
 *
 * @throws the reason of `signal` when it aborts
 */
export async function runInSlices<Result>(
  work: Slices<Result>,
  onProgress: (done: number) => void = () => {},
  signal?: AbortSignal,
): Promise<Result> {
  let since = performance.now()
  for (;;) {
    const step = work.next()
    if (step.done) return step.value
    if (performance.now() - since < MAX_SLICE_MS) continue
    onProgress(step.value)
    await nextTurn()
    signal?.throwIfAborted()
    since = performance.now()
  }
}

/** Runs work without pauses, for programs that do nothing else. */
export function runToCompletion<Result>(work: Slices<Result>): Result {
  for (;;) {
    const step = work.next()
    if (step.done) return step.value
  }
}
