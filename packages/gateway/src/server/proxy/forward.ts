import type { IncomingMessage, ServerResponse } from 'node:http'
import { TLSSocket } from 'node:tls'
import type { Dispatcher } from 'undici'
import { authorityOf, type Target } from '../../policy/routing/target.js'
import { arrivedBody, ClientBody, hasBody } from '../http/client-body.js'
import type { OriginReader } from '../http/client-origin.js'
import type { CrossOriginExchange } from '../http/cross-origin.js'
import { type HeaderPair, type ResponseId, upstreamRequestHeaders } from '../http/proxy-headers.js'
import type { CreateFilter, ResponseObserver } from '../http/response-observer.js'
import type { Upstream } from '../upstreams/upstream.js'
import { type Diversion, Exchange } from './exchange.js'
import type { ForwardProgress, ForwardResult } from './forward-result.js'
import type { EndableExchange } from './stream-cut.js'
import { WholeResponse } from './whole-response.js'

export interface ForwardOptions {
  readonly upstream: Upstream
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** The matched target, which is also requested from the upstream. */
  readonly target: Target
  /** The body if it was read; otherwise the request's body is streamed. */
  readonly body?: Buffer | undefined
  readonly peerAddress: string
  /** True if the peer is a trusted proxy, whose X-Forwarded-* headers are kept. */
  readonly peerTrusted: boolean
  /** Finds the client behind trusted proxies. */
  readonly addresses: OriginReader
  /** The gateway's own name in the `Via` header. */
  readonly gatewayName: string
  /** The ID of the request, for the upstream and the client. */
  readonly requestId: ResponseId
  /** Lower-case names of client headers that are not forwarded. */
  readonly withheld?: ReadonlySet<string> | undefined
  /** Headers for the upstream, replacing all client headers of the same names. */
  readonly requestHeaders?: readonly HeaderPair[] | undefined
  /** Headers for the client, replacing all upstream headers of the same names. */
  readonly responseHeaders: readonly HeaderPair[]
  /** Adds CORS headers to the response. */
  readonly crossOrigin?: CrossOriginExchange | undefined
  /** True if requests that are not idempotent may also be retried. Default: false. */
  readonly retriesPost?: boolean | undefined
  readonly observer?: ResponseObserver | undefined
  readonly filter?: CreateFilter | undefined
  /** Called with each exchange before its response arrives. */
  readonly onExchange?: ((exchange: EndableExchange) => void) | undefined
  /** Replaces the body of a successful response; undefined leaves it. See `WholeResponse`. */
  readonly replaceBody?: ((body: Buffer) => Buffer | undefined) | undefined
  /** Undefined if the request cannot be sent to another upstream. */
  readonly diversion?: Diversion | undefined
}

/** The parts of an exchange that the gateway itself provides. */
export type ForwardOverrides = Pick<
  ForwardOptions,
  'responseHeaders' | 'requestHeaders' | 'body' | 'observer' | 'filter' | 'onExchange' | 'replaceBody'
> &
  Partial<Pick<ForwardOptions, 'target'>>

/**
 * Forwards a request and streams the response back, with backpressure in both directions.
 *
 * The exchange settles when the response has been handed to the client's connection, when that
 * connection is closed, or when the upstream has failed and the caller must send a response.
 *
 * A repeatable request is retried once, on a new connection, if the upstream closes an idle
 * connection before it responds. The head is sent with the first bytes of the body. Trailers and
 * protocol upgrades are not forwarded.
 *
 * @param onSettled called once, with the result and the progress of the exchange
 */
export function forward(
  options: ForwardOptions,
  onSettled: (result: ForwardResult, progress: ForwardProgress) => void,
): void {
  const { upstream, request, response, target } = options
  if (request.socket.destroyed) {
    onSettled({ kind: 'interrupted', by: 'client', started: false }, { reached: false, status: 0 })
    return
  }
  const whole = options.body ?? arrivedBody(request)
  const streamed = whole === undefined && hasBody(request) ? new ClientBody(request) : undefined
  const method = request.method ?? 'GET'
  const dispatched: Dispatcher.DispatchOptions = {
    method,
    path: upstream.basePath + target.path + target.query,
    headers: requestHeaders(options, streamed),
    body: whole ?? streamed ?? null,
  }
  // A streamed body cannot be sent again: it is lost with the connection.
  const isRepeatable = streamed === undefined && mayRepeat(method, options.retriesPost)
  const exchange: Exchange = new Exchange({
    request,
    response,
    body: streamed,
    responseHeaders: options.responseHeaders,
    requestId: options.requestId,
    crossOrigin: options.crossOrigin,
    observer: options.observer,
    filter: options.filter,
    clientTimeoutMs: upstream.timeouts.idle,
    retry: isRepeatable ? () => upstream.dispatchOnNewConnection(dispatched, handler()) : undefined,
    diversion: options.diversion,
    onSettled,
  })
  options.onExchange?.(exchange)
  const { replaceBody } = options
  const handler = () =>
    replaceBody === undefined || method === 'HEAD' ? exchange : new WholeResponse(exchange, replaceBody)
  upstream.dispatcher.dispatch(dispatched, handler())
}

/** Methods that may be sent twice (RFC 9110 section 9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE'])

/** Reports whether a request may be sent twice. */
export function mayRepeat(method: string, retriesPost: boolean | undefined): boolean {
  return IDEMPOTENT.has(method) || retriesPost === true
}

function requestHeaders(options: ForwardOptions, streamed: ClientBody | undefined): string[] {
  const { request, upstream } = options
  const provenance = {
    connection: request.socket,
    rawHeaders: request.rawHeaders,
    peerAddress: options.peerAddress,
    peerTrusted: options.peerTrusted,
    addresses: options.addresses,
    gatewayName: options.gatewayName,
    requestId: options.requestId.id,
    httpVersion: request.httpVersion,
    clientHost: authorityOf(request.url ?? '') ?? request.headers.host,
    proto: request.socket instanceof TLSSocket ? 'https' : 'http',
    upstreamHost: upstream.host,
    withheld: options.withheld,
  } as const
  const headers = upstreamRequestHeaders(provenance, options.requestHeaders)
  // A chunked body is forwarded chunked. The HTTP client adds the length of a body that was read.
  const length = request.headers['content-length']
  const isChunked = request.headers['transfer-encoding'] !== undefined
  if (streamed !== undefined && length !== undefined && !isChunked) headers.push('Content-Length', length)
  return headers
}
