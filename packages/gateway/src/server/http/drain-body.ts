import type { IncomingMessage } from 'node:http'

/** Maximum number of bytes read from an unwanted body before the connection is closed. */
export const MAX_DRAINED_BYTES = 64 * 1024 * 1024

/**
 * Reads and discards the rest of a request's body once its response is sent.
 *
 * An unread body would block the next request on the connection. Closing the connection with bytes
 * unread could make the client's system discard the response. A client that sends more than the
 * limit is disconnected; one that sends too slowly is disconnected by the server's
 * `requestTimeout`.
 *
 * @param limit in bytes
 */
export function drainBody(request: IncomingMessage, limit = MAX_DRAINED_BYTES): void {
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
