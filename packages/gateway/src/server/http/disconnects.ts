import type { Socket } from 'node:net'

/** Whom it concerns that a client has left. */
export interface ClientWatcher {
  /** The client's connection is closed. */
  clientGone(): void
}

/** Who watches a connection. Mostly it is one at a time, and a set is costly to keep for one. */
interface Watchers {
  sole: ClientWatcher | undefined
  others: Set<ClientWatcher> | undefined
}

const watchersOf = new WeakMap<Socket, Watchers>()

/**
 * Tells a watcher when a client's connection closes, until it is unwatched.
 *
 * It is the connection that is watched and not the response, since the response to a pipelined request says
 * nothing while it waits for its turn. One listener serves all the requests of a connection, and stays as long as that does.
 */
export function watchClient(socket: Socket, watcher: ClientWatcher): void {
  const watchers = watchersOf.get(socket)
  if (watchers === undefined) {
    watchersOf.set(socket, { sole: watcher, others: undefined })
    socket.once('close', tellAll)
  } else if (watchers.sole === undefined) {
    watchers.sole = watcher
  } else {
    watchers.others ??= new Set()
    watchers.others.add(watcher)
  }
}

/** Does nothing where the watcher does not watch. */
export function unwatchClient(socket: Socket, watcher: ClientWatcher): void {
  const watchers = watchersOf.get(socket)
  if (watchers?.sole === watcher) watchers.sole = undefined
  else watchers?.others?.delete(watcher)
}

function tellAll(this: Socket): void {
  const { sole, others } = watchersOf.get(this) ?? {}
  // A copy: who is told mostly ends its watch.
  for (const watcher of [sole, ...(others ?? [])]) watcher?.clientGone()
}

/** The client left while its request waited for a slot: nobody is left to answer. */
export class ClientGoneError extends Error {
  override readonly name = 'ClientGoneError'
}
