import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { problem } from 'sluice/http'
import type { Endpoint } from '../../policy/config/config.js'
import { closeSilent, quietTurn } from '../http/graceful-close.js'
import { watchHalfClosed } from '../http/half-closed.js'
import { createHttpServer } from '../http/http-server.js'
import { InboundRequest } from '../http/inbound-request.js'
import { listen } from '../http/listen.js'
import { REQUEST_ID, requestIdOf } from '../http/request-id.js'
import { ResponseOrder } from '../http/response-order.js'
import type { TlsMaterial } from '../http/tls-files.js'
import type { ErrorReporter } from './error-reporter.js'
import { handleRequest } from './handle-request.js'
import type { RequestServices } from './request-context.js'

export interface ProxyOptions {
  readonly endpoint: Endpoint
  /** Undefined for plain HTTP. */
  readonly tls?: TlsMaterial | undefined
  /** Milliseconds for a client to send a whole request; 0 for no timeout. */
  readonly requestTimeoutMs: number
  /** Maximum number of open client connections. */
  readonly maxConnections: number
  /** Returns the services for a request that arrives now. */
  readonly services: () => RequestServices
  readonly errors: ErrorReporter
}

/** The server to which clients connect. */
export interface ProxyServer {
  readonly address: AddressInfo
  /** Number of open client connections. */
  readonly connections: number
  /**
   * Number of connections closed immediately because the limit was reached, since the process
   * started.
   */
  readonly refusedConnections: number
  setRequestTimeout(milliseconds: number): void
  /** Changes the limit for new connections. Open connections are kept. */
  setMaxConnections(count: number): void
  /** Changes the certificate for new connections. */
  setTls(material: TlsMaterial): void
  /**
   * Sends `Connection: close` in all responses from now on. Connections and requests are still
   * accepted.
   */
  drain(): void
  /**
   * Stops accepting connections and requests, then waits until all requests in flight have ended
   * and released everything they held.
   *
   * @param gracePeriodMs milliseconds after which remaining requests are aborted
   */
  close(gracePeriodMs: number): Promise<void>
}

/**
 * Longer than the minute for which load balancers keep idle connections, so that the load balancer
 * closes them first.
 */
const KEEP_ALIVE_MS = 65_000

/** The timeout for the head of a request, which fits into a packet or two. */
const HEAD_TIMEOUT_MS = 30_000

/** The interval at which Node checks for expired connections. */
const POLL_INTERVAL_MS = 1_000

/** For clients that send their body without waiting for `100 Continue`. */
const noContinue = () => {}

/**
 * Starts the proxy server on an endpoint, and resolves once it listens.
 *
 * @throws Error with a one-line message if the port cannot be opened
 */
export async function startProxy({
  endpoint,
  tls,
  requestTimeoutMs,
  maxConnections,
  services,
  errors,
}: ProxyOptions): Promise<ProxyServer> {
  let isDraining = false
  let isClosing = false
  /** Number of connections, and of requests since draining began. */
  let arrivals = 0
  let inFlight = 0
  let onAllEnded = () => {}
  const { server, connectionEvent, setTls } = createHttpServer(
    {
      IncomingMessage: InboundRequest,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: POLL_INTERVAL_MS,
    },
    tls,
  )

  // A client that closes its half of the connection once its request is sent still gets a response.
  Object.assign(server, { httpAllowHalfOpen: true })
  const responses = new ResponseOrder()

  const onRequestEnd = () => {
    inFlight--
    if (!isClosing) return
    server.closeIdleConnections()
    if (inFlight === 0) onAllEnded()
  }
  const serve = (request: InboundRequest, response: ServerResponse, sendContinue: () => void) => {
    inFlight++
    responses.add(request.socket, response)
    if (isDraining) {
      arrivals++
      responses.closeAfterLast(request.socket)
    }
    const current = services()
    current.upstreamUsers.acquire()
    const peerTrusted = current.addresses.isTrusted(request.socket.remoteAddress)
    const requestId = requestIdOf(request.rawHeaders, peerTrusted)
    const telemetry = current.telemetry?.start(request, requestId)
    const onEnd = () => {
      current.upstreamUsers.release()
      onRequestEnd()
    }
    const access = current.accessLog?.begin(request, requestId, current.addresses)
    handleRequest({
      request,
      peerTrusted,
      requestId,
      response,
      services: current,
      errors,
      access,
      sendContinue,
      telemetry,
      onEnd,
    })
  }
  const connections = new Set<Socket>()
  /** The connections on which requests arrive: with TLS, those after their handshake. */
  const streams = connectionEvent === 'connection' ? connections : new Set<Socket>()
  let connectionLimit = maxConnections
  let refusedConnections = 0
  server.on('connection', (socket) => {
    arrivals++
    // With Node's own limit, workers that have all reached the limit would pass a connection to
    // each other forever.
    if (connections.size >= connectionLimit) {
      refusedConnections++
      socket.destroy()
      return
    }
    connections.add(socket)
    socket.once('close', () => connections.delete(socket))
  })
  server.on(connectionEvent, (socket: Socket) => {
    if (socket.destroyed) return
    if (streams !== connections) {
      streams.add(socket)
      socket.once('close', () => streams.delete(socket))
    }
    watchHalfClosed(socket, {
      currentResponse: () => responses.currentOf(socket),
      sinceLastRequestMs: () => responses.sinceLastRequestMs(socket),
      isTrusted: () => services().addresses.isTrusted(socket.remoteAddress),
    })
  })
  server.on('connect', (request, socket) => {
    const { traffic, addresses, accessLog } = services()
    traffic.onRequestEnd(undefined, 'invalid')
    const isTrusted = addresses.isTrusted(request.socket.remoteAddress)
    const requestId = requestIdOf(request.rawHeaders, isTrusted)
    refuseTunnel(request, requestId, socket)
    accessLog?.begin(request, requestId, addresses).end('invalid', 501)
  })
  server.on('request', (request, response) => serve(request, response, noContinue))
  server.on('checkContinue', (request, response) =>
    serve(
      request,
      response,
      once(() => response.writeContinue()),
    ),
  )

  const setRequestTimeout = (milliseconds: number) => {
    server.requestTimeout = milliseconds
    server.headersTimeout = milliseconds === 0 ? HEAD_TIMEOUT_MS : Math.min(HEAD_TIMEOUT_MS, milliseconds)
  }
  const drain = () => {
    isDraining = true
    for (const stream of streams) responses.closeAfterLast(stream)
  }
  setRequestTimeout(requestTimeoutMs)
  const address = await listen(server, endpoint)

  return {
    address,
    get connections() {
      return connections.size
    },
    get refusedConnections() {
      return refusedConnections
    },
    setRequestTimeout,
    setTls,
    setMaxConnections(count) {
      connectionLimit = count
    },
    drain,
    async close(gracePeriodMs) {
      drain()
      await quietTurn(() => arrivals)
      isClosing = true
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      // Node treats a connection without any data as busy.
      closeSilent(new Set([...connections, ...streams]))
      const abort = setTimeout(() => server.closeAllConnections(), gracePeriodMs)
      await closed
      clearTimeout(abort)
      // Requests release their resources after their response has ended.
      if (inFlight > 0) await new Promise<void>((resolve) => (onAllEnded = resolve))
    },
  }
}

/** Wraps a function so that only its first call has an effect. */
function once(callback: () => void): () => void {
  let isDone = false
  return () => {
    if (isDone) return
    isDone = true
    callback()
  }
}

/**
 * Refuses CONNECT, which requests a tunnel. Node passes a bare socket for it, without a response
 * object.
 */
function refuseTunnel({ httpVersion }: IncomingMessage, requestId: string, socket: Duplex): void {
  const { body } = problem(
    501,
    'Not implemented',
    'This gateway does not open tunnels (CONNECT); send the request to the gateway directly.',
    {},
    { requestId },
  )
  const head = [
    `HTTP/${httpVersion === '1.0' ? '1.0' : '1.1'} 501 Not Implemented`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    `${REQUEST_ID}: ${requestId}`,
    'connection: close',
  ]
  // The client may disconnect before the response is sent.
  socket.on('error', () => {})
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}
