/** The part of a socket that is watched. */
export interface Connection {
  readonly destroyed?: boolean
  once(event: 'close', listener: () => void): unknown
}

/** Who waits for a connection to close. Pipelined requests share one, so that it has one listener for all of them. */
const watchers = new WeakMap<Connection, Set<() => void>>()

/** Calls `closed` once the connection has closed: at once if it has already. @returns what ends the watch */
export function onConnectionClosed(connection: Connection, closed: () => void): () => void {
  if (connection.destroyed) {
    closed()
    return () => {}
  }
  const known = watchers.get(connection)
  const waiting = known ?? new Set<() => void>()
  waiting.add(closed)
  if (known === undefined) {
    watchers.set(connection, waiting)
    connection.once('close', () => {
      watchers.delete(connection)
      for (const each of waiting) each()
    })
  }
  return () => waiting.delete(closed)
}
