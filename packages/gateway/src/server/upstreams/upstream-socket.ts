import type { Socket } from 'node:net'
import { InterimResponses } from './interim-responses.js'

/** The use of a connection to the upstream by one request. */
export interface ConnectionUse {
  /** True if the connection had served an earlier request. */
  isReused: boolean
  /** True if any byte of a response arrived. */
  hasResponse: boolean
}

/** The connection use of the request that is about to be written. */
let nextUse: ConnectionUse | undefined

/** Assigns a use to the next request head that is written to an upstream in this turn. */
export function startUse(use: ConnectionUse): void {
  nextUse = use
}

/**
 * Watches a connection to the upstream. For each request, it records whether the connection is
 * reused. It also hides unsolicited `100 Continue` responses, which clients must skip (RFC 9110
 * section 15.2) but at which the HTTP client would close the connection.
 */
export function watchUpstreamSocket(socket: Socket): Socket {
  const interim = new InterimResponses()
  let served = 0
  let use: ConnectionUse | undefined
  const { write, read } = socket
  const watchedWrite = (...args: Parameters<Socket['write']>): boolean => {
    if (isHead(args[0])) {
      interim.onRequest()
      use = nextUse
      nextUse = undefined
      if (use !== undefined) use.isReused = served > 0
      served++
    }
    return write.apply(socket, args)
  }
  const watchedRead = (size?: number): unknown => {
    const chunk: unknown = read.call(socket, size)
    if (Buffer.isBuffer(chunk)) {
      if (use !== undefined) use.hasResponse = true
      interim.rewrite(chunk)
    }
    return chunk
  }
  return Object.assign(socket, { write: watchedWrite, read: watchedRead })
}

/**
 * Reports whether data is the head of a request. The HTTP client writes heads as strings that begin
 * with the method. The length of a chunk is a string as well, but begins with a line break.
 */
function isHead(data: unknown): boolean {
  return typeof data === 'string' && data > '@' && data < '['
}
