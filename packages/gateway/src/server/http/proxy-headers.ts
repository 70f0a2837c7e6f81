import { headerName } from '../../policy/headers/header-name.js'
import { foldedName } from '../../policy/headers/steering-headers.js'
import { type Provenance, provenanceHeaders } from './forwarded-headers.js'
import { forwardedVia } from './via.js'

/**
 * The headers that cross the gateway, in both directions. Lists are flat, as in Node's `rawHeaders`: name, value,
 * name, value; several of one name stay several. Every function is linear in what it is given, which Node bounds
 * (`--max-http-header-size`).
 */
export interface UpstreamHeaderInput extends Provenance {
  /** What goes upstream as Host: the upstream's authority, or the client's host to keep that. */
  readonly upstreamHost: string
  /** Names in lower case of headers of the client's that go no further. */
  readonly withheld?: ReadonlySet<string> | undefined
  /** What this gateway calls itself in `Via`. */
  readonly gatewayName: string
  /** The version of HTTP that the peer speaks, such as `1.1`. */
  readonly httpVersion: string
}

/** Headers of the gateway's own, in place of all of the same name. */
export type Replacements = readonly (readonly [name: string, value: string])[]

/**
 * The headers for the upstream, Content-Length excepted.
 *
 * Hop-by-hop headers go, as do those that the client's Connection header names, except for those of the content, by
 * which the gateway has judged the body. What the gateway says of where a request came from is added after that, so no
 * Connection header takes it away.
 */
export function upstreamRequestHeaders(
  input: UpstreamHeaderInput,
  replacements: Replacements = [],
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
  for (const [name, value] of replacements) headers.push(name, value)
  return headers
}

/** The headers for the client. A Content-Length beside a Transfer-Encoding goes too: it says nothing true. */
export function downstreamResponseHeaders(
  rawHeaders: readonly string[],
  replacements: Replacements = [],
): string[] {
  const named = namedByConnection(rawHeaders)
  const headers: string[] = []
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const { name, folded, toClient } = headerName(rawHeaders[index] as string)
    if (!toClient || isReplaced(folded, replacements)) continue
    if (folded === 'content-length' ? isChunked(rawHeaders) : named?.has(folded)) continue
    headers.push(name, rawHeaders[index + 1] as string)
  }
  for (const [name, value] of replacements) headers.push(name, value)
  return headers
}

function isChunked(rawHeaders: readonly string[]): boolean {
  return rawHeaders.some((text, index) => index % 2 === 0 && headerName(text).folded === 'transfer-encoding')
}

/** There are a few at most. */
function isReplaced(folded: string, replacements: Replacements): boolean {
  for (const [name] of replacements) if (headerName(name).folded === folded) return true
  return false
}

const CONNECTION = 'connection'

/** The names in Connection headers, folded; undefined where none of them can name a header. */
export function namedByConnection(rawHeaders: readonly string[]): Set<string> | undefined {
  let named: Set<string> | undefined
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string
    const value = rawHeaders[index + 1] as string
    if (name.length !== CONNECTION.length || name.toLowerCase() !== CONNECTION || isPlain(value)) continue
    named ??= new Set()
    for (const name of value.split(',')) named.add(foldedName(name.trim()))
  }
  return named
}

/** What nearly all of them say. */
function isPlain(connection: string): boolean {
  return connection === 'keep-alive' || connection === 'close'
}

const CONTENT_LENGTH: ReadonlySet<string> = new Set(['content-length'])

/** What is no longer true of a body when something was taken out of it. */
const OF_THE_WHOLE_BODY: ReadonlySet<string> = new Set([
  'accept-ranges',
  'content-digest',
  'content-length',
  'content-md5',
  'digest',
  'etag',
  'repr-digest',
])

/**
 * The headers of an answer without those that are not true of it.
 *
 * @param isFiltered something is taken out of its body
 */
export function asFits(headers: string[], status: number, isFiltered: boolean): string[] {
  // RFC 9110 section 8.6: an answer without content has no Content-Length.
  const fit = status === 204 ? without(headers, CONTENT_LENGTH) : headers
  return isFiltered ? without(fit, OF_THE_WHOLE_BODY) : fit
}

function without(headers: readonly string[], names: ReadonlySet<string>): string[] {
  return headers.filter((_, index) => !names.has(headers[index - (index % 2)]?.toLowerCase() ?? ''))
}
