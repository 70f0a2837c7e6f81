import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises'

/** How many pieces may be made before others get their turn, where there is no pause between them. */
const UNBROKEN = 32

/**
 * Passes on what a generator makes, one piece each `interval` milliseconds, and stops it when the signal says so.
 *
 * @param interval 0 goes on at once, and still lets the process do other things in between
 * @returns what the generator returns
 * @throws the signal's AbortError
 */
export async function* paced<Piece, Result>(
  pieces: Generator<Piece, Result, void>,
  interval: number,
  signal: AbortSignal,
): AsyncGenerator<Piece, Result, void> {
  for (let count = 0; ; count++) {
    if (interval > 0) await wait(interval, undefined, { signal })
    else if (count % UNBROKEN === 0) await nextTurn(undefined, { signal })
    const step = pieces.next()
    if (step.done) return step.value
    yield step.value
  }
}
