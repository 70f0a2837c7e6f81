import type { Dispatcher } from 'undici'
import { headerName } from '../../policy/headers/header-name.js'
import { foldedName } from '../../policy/headers/steering-headers.js'
import { type Provenance, provenanceHeaders } from './forwarded-headers.js'
import { OWN_REQUEST_ID, REQUEST_ID, VENDOR_REQUEST_ID } from './request-id.js'
import { forwardedVia } from './via.js'

// Header lists are flat, as in Node's `rawHeaders`: name, value, name, value. Repeated headers are
// not merged. Every function runs in linear time; Node bounds the input (`--max-http-header-size`).

export type HeaderPair = readonly [name: string, value: string]

/** The parts of a client's request that determine the headers for the upstream. */
export interface UpstreamHeaderInput extends Provenance {
  /**
   * The Host header for the upstream: the upstream's authority, or the client's host if it is
   * preserved.
   */
  readonly upstreamHost: string
  /** Lower-case names of client headers that are not forwarded. */
  readonly withheld?: ReadonlySet<string> | undefined
  /** The gateway's own name in the `Via` header. */
  readonly gatewayName: string
  /** The ID of the request, which replaces that of the client. */
  readonly requestId: string
  /** The HTTP version of the peer, such as `1.1`. */
  readonly httpVersion: string
}

/**
 * Builds the headers for the upstream, except for Content-Length.
 *
 * Hop-by-hop headers are removed, and so are those named by the client's Connection header. Content
 * headers are kept, because the gateway has interpreted the body according to them. Provenance
 * headers are added afterwards, so that no Connection header removes them.
 *
 * @param replacements the gateway's own headers, which replace all headers of the same names
 */
export function upstreamRequestHeaders(
  input: UpstreamHeaderInput,
  replacements: readonly HeaderPair[] = [],
): string[] {
  const { rawHeaders, upstreamHost, withheld } = input
  const named = namedByConnection(rawHeaders)
  const headers = ['Host', upstreamHost]
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const { name, folded, toUpstream } = headerName(rawHeaders[index] as string)
    if (!toUpstream || isReplaced(folded, replacements) || withheld?.has(folded)) continue
    if (named?.has(folded) && !folded.startsWith('content-')) continue
    headers.push(name, rawHeaders[index + 1] as string)
  }
  const provenance = provenanceHeaders(input)
  for (let index = 0; index + 1 < provenance.length; index += 2) {
    const name = provenance[index] as string
    if (isReplaced(name, replacements) || withheld?.has(name)) continue
    headers.push(name, provenance[index + 1] as string)
  }
  headers.push('Via', forwardedVia(rawHeaders, input.httpVersion, input.gatewayName))
  headers.push('X-Request-Id', input.requestId)
  for (const [name, value] of replacements) headers.push(name, value)
  return headers
}

/** The ID of a request, as its client receives it. */
export interface ResponseId {
  readonly id: string
  /** True if the client also reads the ID in `request-id`. */
  readonly inVendorHeader: boolean
}

/**
 * Builds the headers for the client. If there is a Transfer-Encoding, Content-Length is unreliable
 * and is removed.
 *
 * An ID of the upstream's own stays, and the gateway's ID is then in `sluice-request-id`.
 *
 * @param replacements the gateway's own headers, which replace all headers of the same names
 */
export function downstreamResponseHeaders(
  rawHeaders: readonly string[],
  replacements: readonly HeaderPair[],
  { id, inVendorHeader }: ResponseId,
): string[] {
  const named = namedByConnection(rawHeaders)
  const headers: string[] = []
  let upstreamId: string | undefined
  let hasVendorId = false
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const { name, folded, toClient } = headerName(rawHeaders[index] as string)
    if (!toClient || isReplaced(folded, replacements)) continue
    if (folded === 'content-length' ? isChunked(rawHeaders) : named?.has(folded)) continue
    if (folded === OWN_REQUEST_ID) continue
    if (folded === REQUEST_ID) upstreamId = rawHeaders[index + 1]
    else if (folded === VENDOR_REQUEST_ID) hasVendorId = true
    headers.push(name, rawHeaders[index + 1] as string)
  }
  for (const [name, value] of replacements) headers.push(name, value)
  if (upstreamId === undefined) headers.push(REQUEST_ID, id)
  else if (upstreamId !== id) headers.push(OWN_REQUEST_ID, id)
  if (inVendorHeader && !hasVendorId) headers.push(VENDOR_REQUEST_ID, id)
  return headers
}

function isChunked(rawHeaders: readonly string[]): boolean {
  return rawHeaders.some((name, index) => index % 2 === 0 && headerName(name).folded === 'transfer-encoding')
}

function isReplaced(folded: string, replacements: readonly HeaderPair[]): boolean {
  for (const [name] of replacements) if (headerName(name).folded === folded) return true
  return false
}

const CONNECTION = 'connection'

/** Returns the folded names in Connection headers; undefined if they name no header. */
export function namedByConnection(rawHeaders: readonly string[]): Set<string> | undefined {
  let named: Set<string> | undefined
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string
    const value = rawHeaders[index + 1] as string
    if (name.length !== CONNECTION.length || name.toLowerCase() !== CONNECTION || isCommon(value)) continue
    named ??= new Set()
    for (const name of value.split(',')) named.add(foldedName(name.trim()))
  }
  return named
}

/** Reports whether the value is one that nearly all clients send and that names no header. */
function isCommon(connection: string): boolean {
  return connection === 'keep-alive' || connection === 'close'
}

const CONTENT_LENGTH: ReadonlySet<string> = new Set(['content-length'])

/** Headers that no longer apply once the body is filtered. */
const STALE_AFTER_FILTER: ReadonlySet<string> = new Set([
  'accept-ranges',
  'content-digest',
  'content-length',
  'content-md5',
  'digest',
  'etag',
  'repr-digest',
])

/**
 * Removes response headers that do not apply to the forwarded response.
 *
 * @param isFiltered whether parts of the body are removed
 */
export function withoutStaleHeaders(headers: string[], status: number, isFiltered: boolean): string[] {
  // A response without content has no Content-Length (RFC 9110 section 8.6).
  const kept = status === 204 ? without(headers, CONTENT_LENGTH) : headers
  return isFiltered ? without(kept, STALE_AFTER_FILTER) : kept
}

/** Removes headers. @param names in lower case */
export function without(headers: readonly string[], names: ReadonlySet<string>): string[] {
  return headers.filter((_, index) => !names.has(headers[index - (index % 2)]?.toLowerCase() ?? ''))
}

/** Decodes the headers of an upstream's response into strings with one character per byte. */
export function headerStrings(rawHeaders: Dispatcher.DispatchController['rawHeaders']): string[] {
  if (!Array.isArray(rawHeaders)) return []
  return rawHeaders.map((header) => (typeof header === 'string' ? header : header.toString('latin1')))
}
