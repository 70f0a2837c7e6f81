import type { IncomingMessage, ServerResponse } from 'node:http'
import { TLSSocket } from 'node:tls'
import type { ClientAddressReader } from 'sluice/http'
import type { Dispatcher } from 'undici'
import { authorityOf, type Target } from '../../policy/routing/target.js'
import { arrivedBody, ClientBody, hasBody } from '../http/client-body.js'
import { upstreamRequestHeaders } from '../http/proxy-headers.js'
import type { FilterFor, ResponseObserver } from '../http/response-observer.js'
import { Exchange } from './exchange.js'
import type { ForwardResult, Passed } from './forward-result.js'
import type { Upstream } from './upstream.js'

export interface ForwardOptions {
  readonly upstream: Upstream
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** What to ask the upstream for: the target that was matched. */
  readonly target: Target
  /** The body, where it has been read; else the request is sent on as it comes. */
  readonly body?: Buffer | undefined
  readonly peerAddress: string
  /** Whether the peer is a proxy whose X-Forwarded-* headers are believed. */
  readonly peerTrusted: boolean
  /** Finds the client behind trusted proxies. */
  readonly addresses: Pick<ClientAddressReader, 'originOf'>
  /** What this gateway calls itself in `Via`. */
  readonly gatewayName: string
  /** Names in lower case of headers of the client's that go no further. */
  readonly withheld?: ReadonlySet<string> | undefined
  /** Headers of the gateway's for the upstream, in place of all of the client's of the same name. */
  readonly requestHeaders?: readonly (readonly [name: string, value: string])[] | undefined
  /** Headers of the gateway's for the client, in place of all of the upstream's of the same name. */
  readonly responseHeaders: readonly (readonly [name: string, value: string])[]
  /** Whether a request that is not idempotent may be sent once more, too. Default: it may not. */
  readonly retriesPost?: boolean | undefined
  readonly observer?: ResponseObserver | undefined
  readonly filter?: FilterFor | undefined
}

/** What is sent upstream and to the client beside what comes from the other. */
export type Sent = Pick<ForwardOptions, 'responseHeaders' | 'requestHeaders' | 'body' | 'observer' | 'filter'>

/**
 * Forwards a request and streams the answer back, both at the pace of whoever takes them; nothing is kept.
 *
 * It settles when the answer has been handed to the client's connection, when that connection is closed, or when
 * the upstream has failed and the caller is to answer.
 * A request is sent once; and once more, on a new connection, where the upstream closes a kept connection before it answers,
 * and the request may be repeated.
 * The head goes upstream with the first bytes of the body. Trailers are not forwarded, nor is an upgrade of the protocol.
 *
 * @param settled called once, with how it ended and how far it came
 */
export function forward(
  options: ForwardOptions,
  settled: (outcome: ForwardResult, passed: Passed) => void,
): void {
  const { upstream, request, response, target } = options
  if (request.socket.destroyed) {
    settled({ kind: 'cut', by: 'client', started: false }, { reached: false, status: 0 })
    return
  }
  const whole = options.body ?? arrivedBody(request)
  const streamed = whole === undefined && hasBody(request) ? new ClientBody(request) : undefined
  const method = request.method ?? 'GET'
  const dispatched: Dispatcher.DispatchOptions = {
    method,
    path: upstream.basePath + target.path + target.query,
    headers: headersOf(options, streamed),
    body: whole ?? streamed ?? null,
  }
  // A body that is passed on as it comes is gone with the connection.
  const isRepeatable = streamed === undefined && (IDEMPOTENT.has(method) || options.retriesPost === true)
  const exchange: Exchange = new Exchange({
    request,
    response,
    body: streamed,
    responseHeaders: options.responseHeaders,
    observer: options.observer,
    filter: options.filter,
    patience: upstream.timeouts.idle,
    retry: isRepeatable ? () => upstream.dispatchAnew(dispatched, exchange) : undefined,
    settled,
  })
  upstream.dispatcher.dispatch(dispatched, exchange)
}

/** Methods that may be sent twice (RFC 9110 section 9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE'])

function headersOf(options: ForwardOptions, streamed: ClientBody | undefined): string[] {
  const { request, upstream, requestHeaders } = options
  const provenance = {
    connection: request.socket,
    rawHeaders: request.rawHeaders,
    peerAddress: options.peerAddress,
    peerTrusted: options.peerTrusted,
    addresses: options.addresses,
    gatewayName: options.gatewayName,
    httpVersion: request.httpVersion,
    clientHost: authorityOf(request.url ?? '') ?? request.headers.host,
    proto: request.socket instanceof TLSSocket ? 'https' : 'http',
    upstreamHost: upstream.host,
    withheld: options.withheld,
  } as const
  const headers = upstreamRequestHeaders(provenance, requestHeaders)
  // A chunked body stays chunked; the length of one that has been read is known to who sends it.
  const length = request.headers['content-length']
  const chunked = request.headers['transfer-encoding'] !== undefined
  if (streamed !== undefined && length !== undefined && !chunked) headers.push('Content-Length', length)
  return headers
}
