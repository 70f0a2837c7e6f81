import type { IncomingMessage, ServerResponse } from 'node:http'
import type { HttpAnswer } from 'sluice/http'
import type { CorsConfig } from '../../policy/config/config.js'
import { type HeaderPair, without } from './proxy-headers.js'
import { isRequestIdHeader } from './request-id.js'

// CORS (https://fetch.spec.whatwg.org/#http-cors-protocol). Header lists are flat or pairs, as in
// `proxy-headers.ts`.

/** Longest `Origin`, and longest copied header, that is remembered, in characters. */
const MAX_LENGTH = 1024
const MAX_GRANTS = 1000
/** No browser caches a preflight for longer. */
const GRANT_LIFETIME_MS = 86_400_000

const EXPOSE: ReadonlySet<string> = new Set(['access-control-expose-headers'])

/** Response headers that only the owner of the CORS settings sends. */
const CORS_HEADERS: ReadonlySet<string> = new Set([
  ...EXPOSE,
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-allow-origin',
  'access-control-allow-private-network',
  'access-control-max-age',
])

/** The headers by which a server lets the pages of an origin read a response. */
interface Grant {
  readonly allowOrigin: string
  readonly credentials: boolean
  /** The value of `Access-Control-Expose-Headers`. */
  readonly exposed: string
}

/**
 * The CORS headers that the upstream last sent, by route and origin, for the gateway's own
 * responses. Holds at most 1000 entries, each for a day after the upstream last confirmed it.
 */
export class UpstreamGrants {
  readonly #grants = new Map<string, { readonly grant: Grant; readonly expiresAt: number }>()
  readonly #now: () => number

  /** @param now a monotonic clock in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  of(route: string, origin: string): Grant | undefined {
    const entry = this.#grants.get(keyOf(route, origin))
    return entry !== undefined && entry.expiresAt > this.#now() ? entry.grant : undefined
  }

  set(route: string, origin: string, grant: Grant | undefined): void {
    const key = keyOf(route, origin)
    // Deleted first, so that the map is ordered by the last confirmation.
    this.#grants.delete(key)
    if (grant === undefined || origin.length > MAX_LENGTH || grant.exposed.length > MAX_LENGTH) return
    for (const oldest of this.#grants.keys()) {
      if (this.#grants.size < MAX_GRANTS) break
      this.#grants.delete(oldest)
    }
    this.#grants.set(key, { grant, expiresAt: this.#now() + GRANT_LIFETIME_MS })
  }
}

function keyOf(route: string, origin: string): string {
  return `${origin}\n${route}`
}

const exchanges = new WeakMap<ServerResponse, CrossOriginExchange>()

/**
 * Begins to add CORS headers to the responses of a request, if it has an `Origin` or its route
 * configures CORS. `withOwnCors` finds the result by the response.
 *
 * @param route the name of the route and its CORS settings
 */
export function startCrossOrigin(
  { headers: { origin } }: IncomingMessage,
  response: ServerResponse,
  route: { readonly name: string; readonly cors: CorsConfig | undefined },
  grants: UpstreamGrants,
): CrossOriginExchange | undefined {
  if (origin === undefined && route.cors === undefined) return undefined
  const exchange = new CrossOriginExchange(origin, route.name, route.cors, grants)
  exchanges.set(response, exchange)
  return exchange
}

/** Returns the headers of a response of the gateway's own, with CORS headers if it needs them. */
export function withOwnCors(response: ServerResponse, headers: HttpAnswer['headers']): HttpAnswer['headers'] {
  const exchange = exchanges.get(response)
  return exchange === undefined ? headers : [...headers, ...exchange.ownHeaders(headers)]
}

/** Adds CORS headers to the responses of one request. */
export class CrossOriginExchange {
  constructor(
    /** Undefined for a request of the page's own origin, or of a client that is no browser. */
    private readonly origin: string | undefined,
    private readonly route: string,
    private readonly config: CorsConfig | undefined,
    private readonly grants: UpstreamGrants,
  ) {}

  /** Returns the CORS headers of a response of the gateway's own. All its headers are exposed. */
  ownHeaders(headers: HttpAnswer['headers']): readonly HeaderPair[] {
    const { origin, config } = this
    const names = headers.map(([name]) => name)
    if (config !== undefined) return configuredHeaders(config, origin, '', names)
    const grant = origin === undefined ? undefined : this.grants.of(this.route, origin)
    return grant === undefined ? [] : [...grantHeaders(grant, names), ['vary', 'Origin']]
  }

  /**
   * Returns the headers of a forwarded response, in which the gateway's own headers and the request
   * IDs are exposed.
   * The CORS headers are those of the configuration, or of the upstream, which are then remembered.
   *
   * @param headers flat, the upstream's and the gateway's own
   * @param own the gateway's own
   */
  forwardedHeaders(status: number, headers: readonly string[], own: readonly HeaderPair[]): string[] {
    const { origin, config } = this
    const names = [...own.map(([name]) => name), ...requestIdNames(headers)]
    const exposed = valuesOf(headers, 'access-control-expose-headers').join(', ')
    if (config !== undefined) {
      const kept = without(headers, CORS_HEADERS)
      return [...kept, ...configuredHeaders(config, origin, exposed, names).flat()]
    }
    if (origin === undefined) return [...headers]
    const grant = grantOf(headers, origin, exposed)
    if (grant === undefined) {
      // Errors often come from a proxy that does not know the CORS settings of the application.
      if (status < 300) this.grants.set(this.route, origin, undefined)
      return [...headers]
    }
    // Preflights are answered without the list of exposed headers.
    const before = exposed === '' ? this.grants.of(this.route, origin)?.exposed : undefined
    this.grants.set(this.route, origin, { ...grant, exposed: before ?? exposed })
    const kept = without(headers, EXPOSE)
    return [...kept, ...exposeHeader(grant, names).flat()]
  }
}

/** Answers a preflight by the configuration. `sendResponse` adds the origin. */
export function preflightAnswer({ headers }: IncomingMessage, config: CorsConfig): HttpAnswer {
  const requested = headers['access-control-request-headers']
  const method = headers['access-control-request-method']
  const allowed = config.headers === '*' ? tokensOf(String(requested ?? '')) : config.headers
  const methods = config.methods === '*' ? [String(method)] : config.methods
  return {
    status: 204,
    headers: [
      ['access-control-allow-methods', methods.join(', ')],
      ...(allowed.length === 0 ? [] : [['access-control-allow-headers', allowed.join(', ')] as const]),
      ['access-control-max-age', String(config.maxAgeSeconds)],
      ['vary', 'Access-Control-Request-Method, Access-Control-Request-Headers'],
    ],
    body: '',
  }
}

function configuredHeaders(
  config: CorsConfig,
  origin: string | undefined,
  exposed: string,
  names: readonly string[],
): readonly HeaderPair[] {
  const { origins, credentials } = config
  if (origins === '*')
    return origin === undefined ? [] : grantHeaders({ allowOrigin: '*', credentials, exposed }, names)
  // Sent without an allowed origin too, so that a cache keeps the responses apart.
  const vary: HeaderPair = ['vary', 'Origin']
  if (origin === undefined || !origins.includes(origin)) return [vary]
  return [...grantHeaders({ allowOrigin: origin, credentials, exposed }, names), vary]
}

function grantHeaders(grant: Grant, names: readonly string[]): readonly HeaderPair[] {
  return [
    ['access-control-allow-origin', grant.allowOrigin],
    ...(grant.credentials ? [['access-control-allow-credentials', 'true'] as const] : []),
    ...exposeHeader(grant, names),
  ]
}

/** Response headers that pages can always read, or that only browsers and caches read. */
const NOT_EXPOSED =
  /^(access-control-.*|cache-control|connection|content-(language|length|type)|expires|last-modified|pragma|set-cookie|vary)$/i

function exposeHeader({ exposed, credentials }: Grant, names: readonly string[]): readonly HeaderPair[] {
  const merged = tokensOf(exposed)
  // With credentials, `*` is the name of a header.
  if (credentials || !merged.includes('*')) {
    const seen = new Set(merged.map((name) => name.toLowerCase()))
    for (const name of names) {
      if (NOT_EXPOSED.test(name) || seen.has(name.toLowerCase())) continue
      seen.add(name.toLowerCase())
      merged.push(name)
    }
  }
  return merged.length === 0 ? [] : [['access-control-expose-headers', merged.join(', ')]]
}

/** Returns the grant in the headers of a response; undefined if the browser would not accept it. */
function grantOf(headers: readonly string[], origin: string, exposed: string): Grant | undefined {
  const [allowOrigin, ...others] = valuesOf(headers, 'access-control-allow-origin')
  if (others.length > 0 || (allowOrigin !== origin && allowOrigin !== '*')) return undefined
  const credentials = valuesOf(headers, 'access-control-allow-credentials').join() === 'true'
  return { allowOrigin, credentials, exposed }
}

/** Returns the names of the headers that hold a request ID. */
function requestIdNames(headers: readonly string[]): string[] {
  return headers.filter((name, index) => index % 2 === 0 && isRequestIdHeader(name.toLowerCase()))
}

/** Splits a list of header names, without empty and malformed entries. */
function tokensOf(list: string): string[] {
  const names = list.split(',').map((name) => name.trim())
  return names.filter((name) => /^[\w!#$%&'*+.^`|~-]+$/.test(name))
}

/** @param name in lower case */
function valuesOf(headers: readonly string[], name: string): string[] {
  return headers.filter((_, index) => index % 2 === 1 && headers[index - 1]?.toLowerCase() === name)
}
