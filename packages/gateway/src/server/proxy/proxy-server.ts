import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Endpoint } from '../../policy/config/config.js'
import { watchHalfClosed } from '../http/half-closed.js'
import { InboundRequest } from '../http/inbound-request.js'
import { listen } from '../http/listen.js'
import { refuseTunnel } from '../http/refuse-tunnel.js'
import { ResponseOrder } from '../http/response-order.js'
import type { ErrorReporter } from './error-log.js'
import { handle } from './handler.js'
import type { RequestServices } from './request-services.js'

export interface ProxyOptions {
  readonly endpoint: Endpoint
  /** For a client to send a whole request, in milliseconds. */
  readonly requestTimeout: number
  /** How many connections of clients there may be. */
  readonly maxConnections: number
  /** What a request that comes now is handled with. */
  readonly setup: () => RequestServices
  readonly trouble: ErrorReporter
}

/** The server that clients talk to. */
export interface ProxyServer {
  readonly address: AddressInfo
  /** Connections of clients that are open. */
  readonly connections: number
  /** Connections that were closed at once, since there were too many; since the start. */
  readonly refusedConnections: number
  setRequestTimeout(milliseconds: number): void
  /** Of more connections, those that are there stay. */
  setMaxConnections(count: number): void
  /**
   * Takes no more connections, and requests only on those whose request is under way; closes when all are answered,
   * and what they held is released.
   *
   * @param patience milliseconds after which the requests that still run are cut
   */
  close(patience: number): Promise<void>
}

/** Longer than the minute for which load balancers keep idle connections, so that they close first. */
const KEEP_ALIVE_MS = 65_000

/** For the head of a request, in milliseconds: it fits into a packet or two. */
const HEAD_TIMEOUT_MS = 30_000

/** How often it is looked whose time is over, in milliseconds. */
const POLL_INTERVAL_MS = 1_000

/** For a client that sends its body unasked. */
const notAwaited = () => {}

/** @throws Error that says in one line why the port cannot be had. */
export async function startProxy({
  endpoint,
  requestTimeout,
  maxConnections,
  setup,
  trouble,
}: ProxyOptions): Promise<ProxyServer> {
  let closing = false
  let underWay = 0
  let allEnded = () => {}
  const server = createServer({
    IncomingMessage: InboundRequest,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: POLL_INTERVAL_MS,
  })

  // A client that has sent its request may close its half of the connection, and is answered all the same.
  Object.assign(server, { httpAllowHalfOpen: true })
  const answers = new ResponseOrder()

  /** An answer has been given, and what its request held is released. */
  const ended = () => {
    underWay--
    if (!closing) return
    server.closeIdleConnections()
    if (underWay === 0) allEnded()
  }
  const serve = (request: InboundRequest, response: ServerResponse, proceed: () => void) => {
    if (closing) response.shouldKeepAlive = false
    underWay++
    answers.add(request.socket, response)
    const current = setup()
    current.upstreamUse.begin()
    handle({
      ...{ request, response, setup: current, trouble, proceed },
      ended() {
        current.upstreamUse.end()
        ended()
      },
    })
  }
  const connections = new Set<Socket>()
  let most = maxConnections
  let refused = 0
  server.on('connection', (socket) => {
    // Node's own bound has workers hand a connection on to each other for ever where all of them are full.
    if (connections.size >= most) {
      refused++
      socket.destroy()
      return
    }
    connections.add(socket)
    socket.once('close', () => connections.delete(socket))
    watchHalfClosed(socket, {
      current: () => answers.currentOf(socket),
      sinceLastRequest: () => answers.sinceLastRequest(socket),
      isTrusted: () => setup().addresses.isTrusted(socket.remoteAddress),
    })
  })
  server.on('connect', (request, socket) => {
    setup().traffic.onRequestEnd(undefined, 'invalid')
    refuseTunnel(request, socket)
  })
  server.on('request', (request, response) => serve(request, response, notAwaited))
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
  setRequestTimeout(requestTimeout)
  const address = await listen(server, endpoint)

  return {
    address,
    get connections() {
      return connections.size
    },
    get refusedConnections() {
      return refused
    },
    setRequestTimeout,
    setMaxConnections(count) {
      most = count
    },
    async close(patience) {
      closing = true
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      // Node takes a connection on which nothing has come yet, such as browsers open ahead, for one that is busy.
      for (const connection of connections) if (connection.bytesRead === 0) connection.destroy()
      const cut = setTimeout(() => server.closeAllConnections(), patience)
      await closed
      clearTimeout(cut)
      // What a request held is released after its answer.
      if (underWay > 0) await new Promise<void>((resolve) => (allEnded = resolve))
    },
  }
}

/** The function, to be called any number of times and to act the first time alone. */
function once(act: () => void): () => void {
  let isDone = false
  return () => {
    if (isDone) return
    isDone = true
    act()
  }
}
