import type { IncomingMessage } from 'node:http'
import { BodyBuffer } from './body-buffer.js'
import type { BodyLease } from './body-memory.js'

/** The body is larger than the limit (413). */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError'
  /** @param limit in bytes */
  constructor(readonly limit: number) {
    super(`The request body is larger than ${limit} bytes.`)
  }
}

/** Parsing the body would exceed the memory for all bodies (413). */
export class BodyTooComplexError extends Error {
  override readonly name = 'BodyTooComplexError'
  /** @param limit the memory for all bodies, in bytes */
  constructor(limit: number) {
    super(
      `The request body is too large or has too many values: parsing it would take more than ${limit} bytes of memory.`,
    )
  }
}

/** The client disconnected before the body was complete. No response can be sent. */
export class BodyAbortedError extends Error {
  override readonly name = 'BodyAbortedError'
  constructor() {
    super('The client closed the connection before the request body was complete.')
  }
}

/** There is currently no memory for the body (503). */
export class BodyMemoryError extends Error {
  override readonly name = 'BodyMemoryError'
  constructor() {
    super('The gateway is currently holding too many request bodies.')
  }
}

export interface ReadBodyOptions {
  /** Maximum size of the body, in bytes. */
  readonly limit: number
  /**
   * Opens the lease for the body's memory.
   *
   * @param evict stops reading with a BodyMemoryError
   */
  readonly lease: (evict: () => void) => BodyLease
}

/** A body that was read, and the lease on its memory, which the caller must release. */
export interface HeldBody {
  readonly bytes: Buffer
  readonly lease: BodyLease
}

/**
 * Reads the whole body of a request. Memory exceeds the body's size by at most a constant,
 * regardless of the size of the chunks.
 *
 * A body that is too large is rejected before any of it is read if its Content-Length says so, and
 * otherwise at the first byte beyond the limit. The request is then paused, with the rest of the
 * body still unread.
 *
 * @throws BodyTooLargeError, BodyAbortedError or BodyMemoryError
 */
export function readBody(request: IncomingMessage, options: ReadBodyOptions): Promise<HeldBody> {
  const { limit } = options
  return new Promise((resolve, reject) => {
    if (request.destroyed) {
      reject(new BodyAbortedError())
      return
    }
    if (declaresMoreThan(request, limit)) {
      reject(new BodyTooLargeError(limit))
      return
    }
    const buffer = new BodyBuffer()
    const stop = () => {
      request.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose)
    }
    const fail = (error: Error) => {
      stop()
      buffer.clear()
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

/** Reports whether a request declares a body larger than `limit` bytes. */
export function declaresMoreThan(request: IncomingMessage, limit: number): boolean {
  return Number(request.headers['content-length'] ?? 0) > limit
}
