import type { Socket } from 'node:net'

/** Bounds the wait for a turn without arrivals under a constant load. */
const MAX_TURNS = 1000

/** Time for a new connection to send the first byte of its request, in milliseconds. */
const FIRST_BYTE_MS = 500

/**
 * Waits for a turn of the event loop in which nothing arrived. If the port is closed right
 * afterwards, the operating system resets no connection that waits to be accepted, and no request
 * that waits to be read. Clients do not repeat a POST that was reset.
 *
 * @param arrivals returns the number of connections and requests that arrived so far
 */
export async function quietTurn(arrivals: () => number): Promise<void> {
  for (let turn = 0; turn < MAX_TURNS; turn++) {
    const before = arrivals()
    await new Promise((resolve) => setImmediate(resolve))
    if (arrivals() === before) return
  }
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
