import type { IncomingMessage } from 'node:http'

/** What is read of a body that nobody wants before the connection is closed, in bytes. */
export const DISCARD_LIMIT = 64 * 1024 * 1024

/**
 * Reads on and throws away what a client still sends of a request that has been answered.
 *
 * Without that the connection could not serve another request; and if it were closed with bytes unread, the
 * client's system might throw the answer away with it. A client that sends more than the limit is disconnected; one that
 * sends slowly is left to the server's `requestTimeout`.
 *
 * @param limit in bytes
 */
export function drainBody(request: IncomingMessage, limit = DISCARD_LIMIT): void {
  if (request.destroyed || request.readableEnded) return
  let left = limit
  const onData = (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) request.destroy()
  }
  request.on('data', onData)
  request.once('close', () => request.off('data', onData))
  request.resume()
}
