import type { ServerResponse } from 'node:http'
import type { Permit } from '../limiter/permit.js'
import { onConnectionClosed } from './connection-close.js'
import type { HttpAnswer } from './problem.js'
import { type HeaderList, isListHeader } from './ratelimit-headers.js'
import { type RefusalError, refusalError } from './refusal-error.js'

/**
 * Renews the slots of a permit while a response is in progress, and releases them when the response
 * ends for any reason.
 *
 * It also watches the connection. When a connection closes, Node does not emit `close` on responses
 * that are queued behind pipelined requests, or on a response whose socket was detached.
 */
export function releaseWhenClosed(response: ServerResponse, permit: Permit | undefined): void {
  if (!permit?.holdsSlots) return
  // The client may have disconnected, or another response may have been sent, during the decision.
  const { req, closed, destroyed, writableEnded } = response
  const connection = req?.socket ?? response.socket
  if (closed || destroyed || writableEnded || connection?.destroyed) {
    permit[Symbol.dispose]()
    return
  }
  permit.keepRenewed()
  let stopWatching: (() => void) | undefined
  const release = () => {
    stopWatching?.()
    permit[Symbol.dispose]()
  }
  if (connection) stopWatching = onConnectionClosed(connection, release)
  response.once('close', release)
}

/**
 * Reports the status of a response when it has ended. Reports nothing if the connection closes before
 * the response begins.
 */
export function reportStatus(
  response: ServerResponse,
  onStatus: ((status: number) => void) | undefined,
): void {
  if (onStatus === undefined) return
  let isReported = false
  const report = () => {
    if (isReported || !response.headersSent) return
    isReported = true
    onStatus(response.statusCode)
  }
  // Another response may have been sent during the decision.
  if (response.closed || response.writableFinished) report()
  response.once('finish', report)
  response.once('close', () => {
    report()
    // A handler may still write a response, which no client receives.
    isReported = true
  })
}

/** Adds headers to a response, unless its head was already sent. */
export function setHeaders(response: ServerResponse, headers: HeaderList): void {
  if (response.headersSent) return
  for (const [name, value] of headers) {
    if (name === 'set-cookie') response.appendHeader(name, value)
    else response.setHeader(name, joinedField(response.getHeader(name), name, value))
  }
}

/** Creates the error for a refused request and sets its headers on the response. */
export function nodeRefusalError(answer: HttpAnswer, response: ServerResponse): RefusalError {
  return refusalError(
    answer,
    (headers) => setHeaders(response, headers),
    (name) => response.getHeader(name),
  )
}

/**
 * Reports whether a refusal can still be sent. If another response is complete, there is nothing
 * left to do. A response in progress is aborted, because a refused request must not receive it.
 *
 * @throws Error if a response was aborted
 */
export function canRefuse(response: ServerResponse): boolean {
  if (!response.headersSent) return true
  if (response.writableEnded || response.destroyed) return false
  response.destroy()
  throw new Error(
    'a request was refused after its response had begun; put the limit before the handler that responds',
  )
}

/**
 * Combines a header value with the existing one. Successive limits append to the same list headers.
 */
export function joinedField(
  before: number | string | readonly string[] | undefined,
  name: string,
  value: string,
): string {
  return isListHeader(name, value) && before !== undefined ? `${String(before)}, ${value}` : value
}
