import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { StoreUnavailableError } from 'sluice'
import type { AdminConfig } from '../../policy/config/config.js'
import { listen } from '../http/listen.js'
import { BodyAbortedError } from '../http/read-body.js'
import type { Log } from '../logging/log.js'
import { Guard } from './access-guard.js'
import { actionEndpoint } from './actions/action-endpoint.js'
import { AuditLog } from './actions/audit-log.js'
import type { Answer, Asked, Page } from './admin-route.js'
import { type AdminSources, adminRoutes, failure } from './admin-routes.js'
import type { Act } from './api/live-types.js'
import { type RecordSources, replayRoutes } from './replay/replay-routes.js'

export interface AdminServer {
  readonly address: AddressInfo
  /** Lines of the audit log that were dropped. */
  readonly auditDropped: number
  close(): Promise<void>
}

export interface AdminOptions {
  readonly config: AdminConfig
  readonly sources: AdminSources
  /** Does an act and says what was done; rejects with an ActError. */
  readonly perform: (act: Act) => Promise<string>
  /** Undefined where nothing is recorded. */
  readonly record: RecordSources | undefined
  readonly log: Pick<Log, 'info' | 'error' | 'crashed'>
}

/** None of it is for another site, a frame or a cache; and a page loads nothing but what comes from here. */
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

/** Connections that are open at a time. They use the descriptors that `max_connections` leaves free. */
const MAX_CONNECTIONS = 64

/** For the head of a request, in milliseconds. */
const HEAD_TIMEOUT_MS = 10_000

/** What went wrong is the log's to say. */
const UNFORESEEN = 'this could not be answered, through a fault of the gateway; its log has more'

/**
 * The port for those who run the gateway: `/healthz` answers 200 as long as the process does; `/readyz` answers 503
 * while requests had better go elsewhere; `/metrics` is for Prometheus, and `/metrics.json` for people and scripts; `/` is the
 * dashboard, and `/api/` what it shows. Where the store does not answer it is a 503; what nobody foresaw is a 500 and a line of the log.
 *
 * @throws Error that says in one line why the port cannot be had.
 */
export async function startAdmin({
  config,
  sources,
  perform,
  record,
  log,
}: AdminOptions): Promise<AdminServer> {
  const guard = new Guard(config)
  const audit = new AuditLog(log, config.audit)
  const acts = actionEndpoint(guard, audit, perform)
  const pages = new Map([
    ...adminRoutes(sources, HEADERS),
    ['/api/acts', acts],
    ...replayRoutes(record, HEADERS),
  ])
  const server = createServer({ headersTimeout: HEAD_TIMEOUT_MS }, async (request, response) => {
    try {
      const [path = '', search = ''] = (request.url ?? '').split('?', 2)
      const answer = await answerTo(
        { request, response, query: new URLSearchParams(search) },
        pages.get(path),
        guard,
      )
      if (answer !== undefined) send(response, answer)
    } catch (error) {
      if (error instanceof BodyAbortedError) return
      const foreseen = error instanceof StoreUnavailableError
      if (!foreseen) log.crashed(error)
      if (response.headersSent) response.destroy()
      else send(response, foreseen ? failure(503, 'the store does not answer') : failure(500, UNFORESEEN))
    }
  })
  const connections = new Set<Socket>()
  server.on('connection', (socket) => {
    // The newest is let in, so that connections which nobody uses do not lock the operator out.
    if (connections.size >= MAX_CONNECTIONS) makeRoom(connections)
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

/** Closes the oldest connection on which nothing was asked yet, else the oldest of all. */
function makeRoom(connections: Set<Socket>): void {
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

function answerTo(asked: Asked, page: Page | undefined, guard: Guard): ReturnType<Page['answer']> {
  const { request } = asked
  const denial = denialOf(page?.access ?? 'data', asked, guard)
  if (denial !== undefined) return failure(denial.status, denial.error)
  if (page === undefined) return failure(404, 'not found; / is the dashboard, and /metrics are the metrics')
  const method = request.method === 'HEAD' ? 'GET' : request.method
  const wanted = page.method ?? 'GET'
  return method === wanted ? page.answer(asked) : failure(405, `only ${wanted}`)
}

function denialOf(access: Page['access'], { request }: Asked, guard: Guard) {
  switch (access) {
    case 'probe':
    case 'act':
      return undefined
    case 'empty':
      return guard.deniesPage(request)
    case 'data':
      return guard.denies(request)
  }
}

function send(response: ServerResponse, { status, type = 'application/json', body }: Answer): void {
  // First, so that what cannot be written as JSON can still be answered.
  const sent = typeof body === 'string' || Buffer.isBuffer(body) ? body : `${JSON.stringify(body)}\n`
  response.writeHead(status, {
    ...HEADERS,
    'content-type': type,
    ...(status === 401 && { 'www-authenticate': 'Bearer' }),
  })
  response.end(sent)
}
