import type { Socket } from 'node:net'

/** Whom it concerns that a client has left. */
export interface ClientWatcher {
  /** The client's connection is closed. */
  clientGone(): void
}

const watching = new WeakMap<Socket, Set<ClientWatcher>>()

/**
 * Tells a watcher when a client's connection closes, until it is unwatched.
 *
 * It is the connection that is watched and not the response, since the response to a pipelined request says
 * nothing while it waits for its turn. One listener serves all the requests of a connection, and stays as long as that does.
 */
export function watchClient(socket: Socket, watcher: ClientWatcher): void {
  let watchers = watching.get(socket)
  if (watchers === undefined) {
    watchers = new Set()
    watching.set(socket, watchers)
    socket.once('close', tellAll)
  }
  watchers.add(watcher)
}

/** Does nothing where the watcher does not watch. */
export function unwatchClient(socket: Socket, watcher: ClientWatcher): void {
  watching.get(socket)?.delete(watcher)
}

function tellAll(this: Socket): void {
  // A copy: who is told mostly ends its watch.
  for (const watcher of [...(watching.get(this) ?? [])]) watcher.clientGone()
}
