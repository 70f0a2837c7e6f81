import type { Socket } from 'node:net'

const waiting = new WeakMap<Socket, Set<() => void>>()

/**
 * Calls back when a client's connection closes.
 *
 * It is the connection that is watched and not the response, since the response to a pipelined request says
 * nothing while it waits for its turn. One listener serves all the requests of a connection.
 *
 * @returns a function that ends the watch; calling it again does nothing
 */
export function onClientGone(socket: Socket, callback: () => void): () => void {
  let callbacks = waiting.get(socket)
  if (callbacks === undefined) {
    callbacks = new Set()
    waiting.set(socket, callbacks)
    socket.on('close', tellAll)
  }
  const watch = () => callback()
  callbacks.add(watch)
  return () => {
    if (!callbacks.delete(watch) || callbacks.size > 0) return
    waiting.delete(socket)
    socket.off('close', tellAll)
  }
}

function tellAll(this: Socket): void {
  // A copy: who is told mostly ends its watch.
  for (const callback of [...(waiting.get(this) ?? [])]) callback()
}
