import type { ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { StoreUnavailableError } from 'sluice'
import type { Endpoint } from '../../policy/config/config.js'
import { createHttpServer } from '../http/http-server.js'
import { listen } from '../http/listen.js'
import { BodyAbortedError } from '../http/read-body.js'
import type { TlsMaterial } from '../http/tls-files.js'
import type { Log } from '../logging/log.js'
import type { Denial } from './access-guard.js'
import { type AdminRequest, type AdminResponse, type AdminRoute, failure } from './admin-route.js'

/** A server for operators. */
export interface RouteServer {
  readonly address: AddressInfo
  /** Changes the certificate for new connections. */
  setTls(material: TlsMaterial): void
  /** Closes all connections. */
  close(): Promise<void>
}

export interface RouteServerOptions {
  readonly endpoint: Endpoint
  /** Undefined for plain HTTP. */
  readonly tls?: TlsMaterial | undefined
  /**
   * The routes by path. `POST /path` takes precedence over `/path` for that method, and `*` stands
   * for any third segment, as in `/api/keys/*`.
   */
  readonly routes: ReadonlyMap<string, AdminRoute>
  /** Returns why a request is not served; undefined if it is. */
  readonly denialOf: (access: AdminRoute['access'], request: AdminRequest) => Promise<Denial | undefined>
  /** The message for a path without a route. */
  readonly notFound: string
  readonly log: Pick<Log, 'crashed'>
}

/**
 * Response headers that forbid caching, framing and use by other sites. Pages load resources only
 * from their own origin.
 */
export const RESPONSE_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

/**
 * Maximum number of open connections. They use file descriptors that `max_connections` leaves free.
 */
const MAX_CONNECTIONS = 64

/** Timeout for the request headers, in milliseconds. */
const HEAD_TIMEOUT_MS = 10_000

const UNEXPECTED_ERROR = "unexpected error; see the gateway's log"

/**
 * Starts a server with one route per path.
 *
 * A request that needs the store gets 503 while the store is unavailable. An unexpected error is
 * logged, and the request gets 500.
 *
 * @throws Error with a one-line reason if the port cannot be opened
 */
export async function startRouteServer(options: RouteServerOptions): Promise<RouteServer> {
  const { endpoint, tls, routes, log } = options
  const { server, setTls } = createHttpServer({ headersTimeout: HEAD_TIMEOUT_MS }, tls)
  server.on('request', async (request, response) => {
    try {
      const [path = '', search = ''] = (request.url ?? '').split('?', 2)
      const query = new URLSearchParams(search)
      const { route, name } = findRoute(routes, request.method, path)
      const result = await handle({ request, response, query, name }, route, options)
      if (result !== undefined) send(response, result)
    } catch (error) {
      if (error instanceof BodyAbortedError) return
      const isStoreDown = error instanceof StoreUnavailableError
      if (!isStoreDown) log.crashed(error)
      if (response.headersSent) response.destroy()
      else
        send(
          response,
          isStoreDown ? failure(503, 'the store is unavailable') : failure(500, UNEXPECTED_ERROR),
        )
    }
  })
  const connections = new Set<Socket>()
  server.on('connection', (socket) => {
    // At the maximum, an open connection is closed to accept the new one, so that idle connections
    // cannot lock the operator out.
    if (connections.size >= MAX_CONNECTIONS) evictConnection(connections)
    connections.add(socket)
    socket.once('close', () => connections.delete(socket))
  })
  const address = await listen(server, endpoint)
  return {
    address,
    setTls,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

/**
 * Closes the oldest connection that has sent no request yet; if there is none, the oldest
 * connection.
 */
function evictConnection(connections: Set<Socket>): void {
  const [oldest] = connections
  let closed = oldest
  for (const socket of connections)
    if (socket.bytesRead === 0) {
      closed = socket
      break
    }
  if (closed === undefined) return
  connections.delete(closed)
  closed.destroy()
}

/** Finds the route of a path, and the segment that `*` stands for in it. */
function findRoute(
  routes: RouteServerOptions['routes'],
  method: string | undefined,
  path: string,
): { readonly route: AdminRoute | undefined; readonly name: string } {
  const exact = routes.get(`${method} ${path}`) ?? routes.get(path)
  const [, start, name = '', end = ''] = /^((?:\/[^/]+){2}\/)([^/]+)(\/.*)?$/.exec(path) ?? []
  if (exact !== undefined || start === undefined) return { route: exact, name: '' }
  return { route: routes.get(`${start}*${end}`), name: decodeURIComponentOrRaw(name) }
}

function decodeURIComponentOrRaw(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

async function handle(
  admin: AdminRequest,
  route: AdminRoute | undefined,
  { denialOf, notFound }: RouteServerOptions,
): Promise<AdminResponse | undefined> {
  const denial = await denialOf(route?.access ?? 'data', admin)
  if (denial !== undefined) return failure(denial.status, denial.error)
  if (route === undefined) return failure(404, notFound)
  const { request } = admin
  const method = request.method === 'HEAD' ? 'GET' : request.method
  const expected = route.method ?? 'GET'
  return method === expected ? route.handle(admin) : failure(405, `only ${expected} is allowed`)
}

function send(
  response: ServerResponse,
  { status, type = 'application/json', body, fileName }: AdminResponse,
): void {
  // Serialized before the headers are sent, so that a failure can still be reported.
  const content = typeof body === 'string' || Buffer.isBuffer(body) ? body : `${JSON.stringify(body)}\n`
  response.writeHead(status, {
    ...RESPONSE_HEADERS,
    'content-type': type,
    ...(fileName !== undefined && { 'content-disposition': `attachment; filename="${fileName}"` }),
    ...(status === 401 && { 'www-authenticate': 'Bearer' }),
  })
  response.end(content)
}
