import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises'

/** Number of pieces produced before the event loop runs other work. */
const PIECES_PER_TURN = 32

/**
 * Yields the pieces of a generator at intervals, and stops it when the signal aborts.
 *
 * @param interval milliseconds between pieces; 0 still yields to the event loop
 * @returns the return value of the generator
 * @throws the signal's AbortError
 */
export async function* paced<Piece, Result>(
  pieces: Generator<Piece, Result, void>,
  interval: number,
  signal: AbortSignal,
): AsyncGenerator<Piece, Result, void> {
  for (let count = 0; ; count++) {
    if (interval > 0) await wait(interval, undefined, { signal })
    else if (count % PIECES_PER_TURN === 0) await nextTurn(undefined, { signal })
    const step = pieces.next()
    if (step.done) return step.value
    yield step.value
  }
}
