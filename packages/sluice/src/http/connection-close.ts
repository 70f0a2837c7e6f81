/** The members of a socket that this module uses. */
export interface Connection {
  readonly destroyed?: boolean
  once(event: 'close', listener: () => void): unknown
}

/**
 * Close listeners by connection. Pipelined requests share a connection, which has a single listener
 * for all of them.
 */
const watchers = new WeakMap<Connection, Set<() => void>>()

/**
 * Calls `onClosed` when the connection closes, or immediately if it has already closed.
 *
 * @returns a function that stops watching
 */
export function onConnectionClosed(connection: Connection, onClosed: () => void): () => void {
  if (connection.destroyed) {
    onClosed()
    return () => {}
  }
  const known = watchers.get(connection)
  const listeners = known ?? new Set<() => void>()
  listeners.add(onClosed)
  if (known === undefined) {
    watchers.set(connection, listeners)
    connection.once('close', () => {
      watchers.delete(connection)
      for (const listener of listeners) listener()
    })
  }
  return () => listeners.delete(onClosed)
}
