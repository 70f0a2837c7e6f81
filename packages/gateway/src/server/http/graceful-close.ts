import type { Socket } from 'node:net'

/** Bounds the wait for a turn without arrivals under a constant load, in milliseconds. */
const MAX_WAIT_MS = 500

/** Connections can arrive unnoticed in a turn, so it must be short: in milliseconds. */
const SHORT_TURN_MS = 1

/** Time for a new connection to send the first byte of its request, in milliseconds. */
const FIRST_BYTE_MS = 500

/**
 * Waits for a turn of the event loop in which nothing arrived. If the port is closed right
 * afterwards, the operating system resets no connection that waits to be accepted, and no request
 * that waits to be read. Clients do not repeat a POST that was reset.
 *
 * @param arrivals returns the number of connections and requests that arrived so far
 * @param isIdle returns false while something that arrived still has to be passed on
 */
export async function quietTurn(arrivals: () => number, isIdle = () => true): Promise<void> {
  const deadline = performance.now() + MAX_WAIT_MS
  // This turn may have asked for new connections long ago, so the first whole turn is the next one.
  await endOfTurn()
  while (performance.now() < deadline) {
    const before = arrivals()
    const start = performance.now()
    await endOfTurn()
    const isShort = performance.now() - start < SHORT_TURN_MS
    if (isShort && arrivals() === before && isIdle()) return
  }
}

function endOfTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/**
 * Closes the connections on which no data has arrived. Browsers open such connections in advance.
 * The first request of a new connection may still be on its way, so it gets a moment to arrive.
 */
export function closeSilent(connections: Iterable<Socket>): void {
  const silent = [...connections].filter(({ bytesRead }) => bytesRead === 0)
  if (silent.length === 0) return
  setTimeout(() => {
    for (const connection of silent) if (connection.bytesRead === 0) connection.destroy()
  }, FIRST_BYTE_MS)
}
