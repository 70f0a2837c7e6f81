import type { ServerResponse } from 'node:http'
import type { Permit } from '../limiter/permit.js'
import { onConnectionClosed } from './connection-close.js'
import type { Fields } from './ratelimit-headers.js'

/**
 * Renews a permit's slots while an answer is under way and releases them when it ends, in whatever way it does.
 *
 * The connection is watched too: Node says nothing of the close of a connection to the responses that still wait for their
 * turn on it, as those to pipelined requests do, nor to one whose socket was taken over.
 */
export function releaseWhenClosed(response: ServerResponse, permit: Permit | undefined): void {
  if (!permit?.holdsSlots) return
  // The client may have gone, or another answer may have been sent, while the decision was made.
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

/** Adds fields to an answer that has not been begun; to one that has, nothing can be added. */
export function setFields(response: ServerResponse, fields: Fields): void {
  if (response.headersSent) return
  for (const [name, value] of fields) {
    if (name === 'set-cookie') response.appendHeader(name, value)
    else response.setHeader(name, joinedField(response.getHeader(name), name, value))
  }
}

/**
 * Whether a refusal can still be sent. Where somebody else has answered meanwhile, there is nothing left to do; an answer
 * that has begun and goes on is cut off, or the refused request would get it.
 *
 * @throws Error where it was cut off
 */
export function canRefuse(response: ServerResponse): boolean {
  if (!response.headersSent) return true
  if (response.writableEnded || response.destroyed) return false
  response.destroy()
  throw new Error('a request was refused after its answer had begun; put the limit before what answers')
}

/** Adds a field to an answer; limits that stand one behind the other each add to the same lists. */
export function joinedField(
  before: number | string | readonly string[] | undefined,
  name: string,
  value: string,
): string {
  const isList = name === 'ratelimit' || name === 'ratelimit-policy'
  return isList && before !== undefined ? `${String(before)}, ${value}` : value
}
