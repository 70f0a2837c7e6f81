import type { Socket } from 'node:net'

const waiting = new WeakMap<Socket, Set<() => void>>()

/**
 * Calls back when a client's connection closes.
 *
 * It is the connection that is watched and not the response, since the response to a pipelined request says
 * nothing while it waits for its turn. One listener serves all the requests of a connection, and stays as long as that does.
 *
 * @param callback another one for each watch
 * @returns a function that ends the watch; calling it again does nothing
 */
export function onClientGone(socket: Socket, callback: () => void): () => void {
  let callbacks = waiting.get(socket)
  if (callbacks === undefined) {
    callbacks = new Set()
    waiting.set(socket, callbacks)
    socket.once('close', tellAll)
  }
  callbacks.add(callback)
  return () => callbacks.delete(callback)
}

function tellAll(this: Socket): void {
  // A copy: who is told mostly ends its watch.
  for (const callback of [...(waiting.get(this) ?? [])]) callback()
}
