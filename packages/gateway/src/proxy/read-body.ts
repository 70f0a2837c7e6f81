import type { IncomingMessage } from 'node:http'

/** The body is larger than is allowed: a 413. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError'
  /** @param limit the most that is allowed, in bytes */
  constructor(readonly limit: number) {
    super(`The request body is larger than ${limit} bytes.`)
  }
}

/** The client went away before the body was complete: nobody is left to answer. */
export class BodyAbortedError extends Error {
  override readonly name = 'BodyAbortedError'
  constructor() {
    super('The client closed the connection before the request body was complete.')
  }
}

/**
 * Reads a request's whole body into memory.
 *
 * Too large a body is refused by its Content-Length before any of it is read, or at the byte that passes the
 * limit; the request is then paused, and the rest of the body is still to come on the connection.
 *
 * @param limit the most to read, in bytes
 * @param proceed called before the first byte is read; a client that waits for `100 Continue` sends nothing before
 * @throws BodyTooLargeError or BodyAbortedError.
 */
export function readBody(request: IncomingMessage, limit: number, proceed: () => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (request.destroyed) {
      reject(new BodyAbortedError())
      return
    }
    if (Number(request.headers['content-length'] ?? 0) > limit) {
      reject(new BodyTooLargeError(limit))
      return
    }
    proceed()
    const chunks: Buffer[] = []
    let length = 0
    const stop = () => {
      request.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose)
    }
    const onData = (chunk: Buffer) => {
      length += chunk.length
      if (length > limit) {
        stop()
        request.pause()
        reject(new BodyTooLargeError(limit))
        return
      }
      chunks.push(chunk)
    }
    const onEnd = () => {
      stop()
      resolve(Buffer.concat(chunks, length))
    }
    const onClose = () => {
      stop()
      reject(new BodyAbortedError())
    }
    request.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose)
  })
}
