import type { Permit } from 'sluice'
import { retryAfterOf } from '../upstreams/provider-headers.js'
import type { ForwardProgress, ForwardResult } from './forward-result.js'

/** Statuses of servers, and of proxies before them, that are overloaded or did not answer in time. */
const OVERLOADED: ReadonlySet<number> = new Set([429, 503, 504, 524, 529])
const ERRORS: ReadonlySet<number> = new Set([500, 502, 520, 521, 522, 523])

/** Failures of an upstream that takes no requests, no longer has one that it took, or does not answer. */
const OVERLOADS: ReadonlySet<string> = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'],
  ...['ETIMEDOUT', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'],
])

/** Tells the lines of a request whether the upstream took it. */
export function reportResult(permit: Permit, result: ForwardResult, progress: ForwardProgress): void {
  const { status, rawHeaders } = progress
  if (result.kind === 'failed') reportFailure(permit, result.code)
  else if (result.kind === 'answered') reportStatus(permit, status, rawHeaders)
  // The connection was closed after the head of a response, and perhaps before its first output.
  else if (result.by === 'upstream' && progress.reached) permit.rejected('error')
}

/** Tells the lines of a request that the upstream did not answer. @param code such as `ECONNREFUSED` */
export function reportFailure(permit: Permit, code: string): void {
  permit.rejected(OVERLOADS.has(code) ? 'overloaded' : 'error')
}

/** Tells the lines of a request the status of the response. @param rawHeaders name, value, name, value */
export function reportStatus(
  permit: Permit,
  status: number,
  rawHeaders: readonly string[] | undefined,
): void {
  if (OVERLOADED.has(status)) permit.rejected('overloaded', rawHeaders && retryAfterOf(rawHeaders))
  else if (ERRORS.has(status)) permit.rejected('error')
}
