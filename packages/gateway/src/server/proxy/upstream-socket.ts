import type { Socket } from 'node:net'
import { InterimResponses } from './interim-responses.js'

/** How a request used its connection to the upstream. */
export interface ConnectionUse {
  /** Whether the connection had served another request before. */
  isReused: boolean
  /** Whether some of an answer has come. */
  isAnswered: boolean
}

/** The use of the request that is about to be written. */
let starting: ConnectionUse | undefined

/** The next head that is written to an upstream, in this turn of the event loop, is that of this use. */
export function startUse(use: ConnectionUse): void {
  starting = use
}

/**
 * Watches a connection to the upstream: says of each request whether the connection had served another one, and has an
 * unsolicited `100 Continue` skipped as RFC 9110 section 15.2 asks. The HTTP client beneath would take the connection down.
 */
export function watchUpstreamSocket(socket: Socket): Socket {
  const interim = new InterimResponses()
  let served = 0
  let use: ConnectionUse | undefined
  const { write, read } = socket
  const watchedWrite = (...given: Parameters<Socket['write']>): boolean => {
    if (isHead(given[0])) {
      interim.begin()
      use = starting
      starting = undefined
      if (use !== undefined) use.isReused = served > 0
      served++
    }
    return write.apply(socket, given)
  }
  const watchedRead = (size?: number): unknown => {
    const chunk: unknown = read.call(socket, size)
    if (Buffer.isBuffer(chunk)) {
      if (use !== undefined) use.isAnswered = true
      interim.see(chunk)
    }
    return chunk
  }
  return Object.assign(socket, { write: watchedWrite, read: watchedRead })
}

/** The head of a request is written as text and begins with its method; the length of a chunk begins with a line break. */
function isHead(written: unknown): boolean {
  return typeof written === 'string' && /^[A-Z]/.test(written)
}
