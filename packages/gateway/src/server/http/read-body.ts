import type { IncomingMessage } from 'node:http'
import { BodyBuffer } from './body-buffer.js'
import type { BodyLease } from './body-memory.js'

/** The body is larger than is allowed: a 413. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError'
  /** @param limit the most that is allowed, in bytes */
  constructor(readonly limit: number) {
    super(`The request body is larger than ${limit} bytes.`)
  }
}

/** Reading the body would take more memory than there is for all bodies: a 413. */
export class BodyTooComplexError extends Error {
  override readonly name = 'BodyTooComplexError'
  /** @param limit the memory that there is for all bodies, in bytes */
  constructor(limit: number) {
    super(
      `The request body has so many values, or is so large, that reading it would take more than ${limit} bytes of memory.`,
    )
  }
}

/** The client went away before the body was complete: nobody is left to answer. */
export class BodyAbortedError extends Error {
  override readonly name = 'BodyAbortedError'
  constructor() {
    super('The client closed the connection before the request body was complete.')
  }
}

/** There is no memory for the body now: a 503. */
export class BodyMemoryError extends Error {
  override readonly name = 'BodyMemoryError'
  constructor() {
    super('The server holds too many request bodies at the moment.')
  }
}

export interface ReadBodyOptions {
  /** The most to read, in bytes. */
  readonly limit: number
  /** Called before the first byte is read; a client that waits for `100 Continue` sends nothing before. */
  readonly proceed: () => void
  /**
   * Gives the memory that the body takes.
   *
   * @param evict ends the reading with a BodyMemoryError
   */
  readonly lease: (evict: () => void) => BodyLease
}

/** A body that was read, and its memory, which the caller releases. */
export interface HeldBody {
  readonly bytes: Buffer
  readonly lease: BodyLease
}

/**
 * Reads a request's whole body into memory: its size and a constant, whatever the chunks in which it comes.
 *
 * Too large a body is refused by its Content-Length before any of it is read, or at the byte that passes the
 * limit; the request is then paused, and the rest of the body is still to come on the connection.
 *
 * @throws BodyTooLargeError, BodyAbortedError or BodyMemoryError.
 */
export function readBody(request: IncomingMessage, options: ReadBodyOptions): Promise<HeldBody> {
  const { limit, proceed } = options
  return new Promise((resolve, reject) => {
    if (request.destroyed) {
      reject(new BodyAbortedError())
      return
    }
    if (statesMoreThan(request, limit)) {
      reject(new BodyTooLargeError(limit))
      return
    }
    proceed()
    const buffer = new BodyBuffer()
    const stop = () => {
      request.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose)
    }
    const fail = (error: Error) => {
      stop()
      buffer.drop()
      lease.release()
      request.pause()
      reject(error)
    }
    const lease = options.lease(() => fail(new BodyMemoryError()))
    const onData = (chunk: Buffer) => {
      if (buffer.length + chunk.length > limit) fail(new BodyTooLargeError(limit))
      else if (!buffer.append(chunk, lease.grow)) fail(new BodyMemoryError())
    }
    const onEnd = () => {
      stop()
      const bytes = buffer.take()
      lease.complete(bytes.length)
      resolve({ bytes, lease })
    }
    const onClose = () => fail(new BodyAbortedError())
    request.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose)
    request.resume()
  })
}

/** Whether a request says that its body is larger. */
export function statesMoreThan(request: IncomingMessage, limit: number): boolean {
  return Number(request.headers['content-length'] ?? 0) > limit
}
