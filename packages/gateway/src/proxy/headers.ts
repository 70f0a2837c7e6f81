import { isProvenance, type Provenance, provenanceHeaders } from './forwarded.js'

/**
 * The headers that cross the gateway, in both directions. Lists are flat, as in Node's `rawHeaders`: name, value,
 * name, value; several of one name stay several. Every function is linear in what it is given, which Node bounds
 * (`--max-http-header-size`).
 */
export interface UpstreamHeaderInput extends Provenance {
  /** What goes upstream as Host: the upstream's authority, or the client's host to keep that. */
  readonly upstreamHost: string
}

/** What concerns one connection and not the message (RFC 9110 section 7.6.1). */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'proxy-connection',
])

/**
 * What of a request the gateway answers or writes itself: the length of the body belongs to whoever sends the
 * body, and a client that expects `100 Continue` has it from the gateway.
 */
const REQUEST_ONLY: ReadonlySet<string> = new Set(['host', 'content-length', 'expect', 'proxy'])

const RESPONSE_ONLY: ReadonlySet<string> = new Set(['proxy-authenticate', 'proxy-authentication-info'])

/**
 * The headers for the upstream, Content-Length excepted.
 *
 * Hop-by-hop headers go, as do those that the client's Connection header names; but what the gateway says of
 * where a request came from is added after that, so no Connection header takes it away.
 */
export function upstreamRequestHeaders(input: UpstreamHeaderInput): string[] {
  const { rawHeaders, upstreamHost } = input
  const named = namedByConnection(rawHeaders)
  const headers = ['Host', upstreamHost]
  keep(rawHeaders, headers, (name) => {
    return !(
      HOP_BY_HOP.has(name) ||
      REQUEST_ONLY.has(name) ||
      name.startsWith('proxy-') ||
      isProvenance(name) ||
      named.has(name)
    )
  })
  headers.push(...provenanceHeaders(input))
  return headers
}

/** The headers for the client. A Content-Length beside a Transfer-Encoding goes too: it says nothing true. */
export function downstreamResponseHeaders(rawHeaders: readonly string[]): string[] {
  const named = namedByConnection(rawHeaders)
  const chunked = rawHeaders.some((text, index) => index % 2 === 0 && sameName(text) === 'transfer-encoding')
  const headers: string[] = []
  keep(rawHeaders, headers, (name) => {
    if (name === 'content-length') return !chunked
    return !(HOP_BY_HOP.has(name) || RESPONSE_ONLY.has(name) || named.has(name))
  })
  return headers
}

/** `headers` with those of `replacements` in place of all of the same name. */
export function replaceHeaders(
  headers: string[],
  replacements: readonly (readonly [name: string, value: string])[],
): string[] {
  if (replacements.length === 0) return headers
  const replaced = new Set(replacements.map(([name]) => sameName(name)))
  const result: string[] = []
  keep(headers, result, (name) => !replaced.has(name))
  for (const [name, value] of replacements) result.push(name, value)
  return result
}

/** Copies the headers whose name, in its one spelling, is wanted. */
function keep(from: readonly string[], to: string[], wanted: (name: string) => boolean): void {
  for (let index = 0; index + 1 < from.length; index += 2) {
    const name = from[index] ?? ''
    if (wanted(sameName(name))) to.push(name, from[index + 1] ?? '')
  }
}

/** The names in Connection headers, in their one spelling. */
function namedByConnection(rawHeaders: readonly string[]): Set<string> {
  const named = new Set<string>()
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() !== 'connection') continue
    for (const name of rawHeaders[index + 1]?.split(',') ?? []) named.add(sameName(name.trim()))
  }
  return named
}

/** CGI and WSGI read `X_Real_IP` and `X-Real-IP` as the same header, so here they are the same. */
export function sameName(name: string): string {
  return name.toLowerCase().replaceAll('_', '-')
}
