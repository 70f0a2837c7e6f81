import type { Socket } from 'node:net'

/** An object that is notified when a client disconnects. */
export interface ClientWatcher {
  /** Called when the client's connection has closed. */
  onClientGone(): void
}

/** The watchers of a connection. Usually there is only one, for which a set would be wasteful. */
interface Watchers {
  single: ClientWatcher | undefined
  others: Set<ClientWatcher> | undefined
}

const watchersOf = new WeakMap<Socket, Watchers>()

/**
 * Registers a watcher, which is notified when the client's connection closes.
 *
 * The connection is watched rather than the response, because the response to a pipelined request
 * emits nothing while it is queued. One listener serves all requests of a connection.
 */
export function watchClient(socket: Socket, watcher: ClientWatcher): void {
  const watchers = watchersOf.get(socket)
  if (watchers === undefined) {
    watchersOf.set(socket, { single: watcher, others: undefined })
    socket.once('close', notifyAll)
  } else if (watchers.single === undefined) {
    watchers.single = watcher
  } else {
    watchers.others ??= new Set()
    watchers.others.add(watcher)
  }
}

/** Removes a watcher. Does nothing if the watcher is not registered. */
export function unwatchClient(socket: Socket, watcher: ClientWatcher): void {
  const watchers = watchersOf.get(socket)
  if (watchers?.single === watcher) watchers.single = undefined
  else watchers?.others?.delete(watcher)
}

function notifyAll(this: Socket): void {
  const { single, others } = watchersOf.get(this) ?? {}
  // Iterates over a copy, since watchers usually unregister when notified.
  for (const watcher of [single, ...(others ?? [])]) watcher?.onClientGone()
}

/** The client disconnected while its request was queued. No response can be sent. */
export class ClientGoneError extends Error {
  override readonly name = 'ClientGoneError'
}

/**
 * Runs an operation for a client. Its signal is aborted with a `ClientGoneError` when the client
 * disconnects.
 */
export async function whileConnected<T>(
  socket: Socket,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const disconnect = new AbortController()
  const watcher = { onClientGone: () => disconnect.abort(new ClientGoneError()) }
  watchClient(socket, watcher)
  try {
    if (socket.destroyed) throw new ClientGoneError()
    return await run(disconnect.signal)
  } finally {
    unwatchClient(socket, watcher)
  }
}
