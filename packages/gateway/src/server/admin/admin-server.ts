import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { StoreUnavailableError } from 'sluice'
import type { AdminConfig } from '../../policy/config/config.js'
import { listen } from '../http/listen.js'
import { BodyAbortedError } from '../http/read-body.js'
import type { Log } from '../logging/log.js'
import { AccessGuard } from './access-guard.js'
import { actionEndpoint } from './actions/action-endpoint.js'
import { AuditLog } from './actions/audit-log.js'
import { type AdminRequest, type AdminResponse, type AdminRoute, failure } from './admin-route.js'
import { type AdminSources, adminRoutes } from './admin-routes.js'
import type { AdminAction } from './api/admin-actions.js'
import { type RecordSources, replayRoutes } from './replay/replay-routes.js'

export interface AdminServer {
  readonly address: AddressInfo
  /** Number of audit log lines that were dropped. */
  readonly auditDropped: number
  close(): Promise<void>
}

export interface AdminOptions {
  readonly config: AdminConfig
  readonly sources: AdminSources
  /** Performs an action and describes the change; rejects with an AdminActionError. */
  readonly perform: (action: AdminAction) => Promise<string>
  /** Undefined if recording is off. */
  readonly record: RecordSources | undefined
  readonly log: Pick<Log, 'info' | 'error' | 'crashed'>
}

/**
 * Response headers that forbid caching, framing and use by other sites. Pages load resources only
 * from their own origin.
 */
const HEADERS = {
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
 * Starts the admin port:
 *
 * - `/healthz` responds with 200 as long as the process runs;
 * - `/readyz` responds with 503 while load balancers should send requests elsewhere;
 * - `/metrics` is for Prometheus, and `/metrics.json` is a summary for people and scripts;
 * - `/` serves the dashboard, and `/api/` serves its data and performs its actions.
 *
 * A request that needs the store gets 503 while the store is unavailable. An unexpected error is
 * logged, and the request gets 500.
 *
 * @throws Error with a one-line reason if the port cannot be opened
 */
export async function startAdmin({
  config,
  sources,
  perform,
  record,
  log,
}: AdminOptions): Promise<AdminServer> {
  const guard = new AccessGuard(config)
  const audit = new AuditLog(log, config.audit)
  const actions = actionEndpoint(guard, audit, perform)
  const routes = new Map([
    ...adminRoutes(sources, HEADERS),
    ['/api/actions', actions],
    // The path in version 0.1.
    ['/api/acts', actions],
    ...replayRoutes(record, HEADERS),
  ])
  const server = createServer({ headersTimeout: HEAD_TIMEOUT_MS }, async (request, response) => {
    try {
      const [path = '', search = ''] = (request.url ?? '').split('?', 2)
      const result = await handle(
        { request, response, query: new URLSearchParams(search) },
        routes.get(path),
        guard,
      )
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
  const address = await listen(server, config)
  return {
    address,
    get auditDropped() {
      return audit.dropped
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
      await audit.close()
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

function handle(
  admin: AdminRequest,
  route: AdminRoute | undefined,
  guard: AccessGuard,
): ReturnType<AdminRoute['handle']> {
  const { request } = admin
  const denial = denialOf(route?.access ?? 'data', admin, guard)
  if (denial !== undefined) return failure(denial.status, denial.error)
  if (route === undefined)
    return failure(404, 'not found; the dashboard is at / and the metrics are at /metrics')
  const method = request.method === 'HEAD' ? 'GET' : request.method
  const expected = route.method ?? 'GET'
  return method === expected ? route.handle(admin) : failure(405, `only ${expected} is allowed`)
}

function denialOf(access: AdminRoute['access'], { request }: AdminRequest, guard: AccessGuard) {
  switch (access) {
    case 'probe':
    case 'action':
      return undefined
    case 'static':
      return guard.denialForPage(request)
    case 'data':
      return guard.denialFor(request)
  }
}

function send(response: ServerResponse, { status, type = 'application/json', body }: AdminResponse): void {
  // Serialized before the headers are sent, so that a failure can still be reported.
  const content = typeof body === 'string' || Buffer.isBuffer(body) ? body : `${JSON.stringify(body)}\n`
  response.writeHead(status, {
    ...HEADERS,
    'content-type': type,
    ...(status === 401 && { 'www-authenticate': 'Bearer' }),
  })
  response.end(content)
}
