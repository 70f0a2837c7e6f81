import { setImmediate as nextTurn } from 'node:timers/promises'

/** Number of items that are handled in a turn of the event loop. Entries take about a millisecond. */
const ITEMS_PER_TURN = 500

/** Iterates over many items without holding up requests. */
export async function* inTurns<T>(items: Iterable<T>, perTurn = ITEMS_PER_TURN): AsyncGenerator<T, void> {
  let count = 0
  for (const item of items) {
    if (++count % perTurn === 0) await nextTurn()
    yield item
  }
}
