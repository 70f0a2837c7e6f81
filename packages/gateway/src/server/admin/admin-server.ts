import type { AddressInfo } from 'node:net'
import type { AdminConfig, Endpoint } from '../../policy/config/config.js'
import type { TlsMaterial } from '../http/tls-files.js'
import type { Log } from '../logging/log.js'
import { AccessGuard } from './access-guard.js'
import { parseAction } from './actions/action.js'
import { actionEndpoint } from './actions/action-endpoint.js'
import { AuditLog } from './actions/audit-log.js'
import type { AdminRequest, AdminRoute } from './admin-route.js'
import { type AdminSources, adminRoutes, type ProbeSources, probeRoutes } from './admin-routes.js'
import type { AdminAction } from './api/admin-actions.js'
import { type KeySources, keyRoutes } from './keys/key-routes.js'
import { type RecordSources, replayRoutes } from './replay/replay-routes.js'
import { RESPONSE_HEADERS, type RouteServer, startRouteServer } from './route-server.js'

export interface AdminServer {
  readonly address: AddressInfo
  /** Number of audit log lines that were dropped. */
  readonly auditDropped: number
  /** Changes the certificate for new connections. */
  setTls(material: TlsMaterial): void
  close(): Promise<void>
}

export interface AdminOptions {
  readonly config: AdminConfig
  /** Undefined for plain HTTP. */
  readonly tls: TlsMaterial | undefined
  readonly sources: AdminSources
  /** Performs an action and describes the change; rejects with an AdminActionError. */
  readonly perform: (action: AdminAction, by: string) => Promise<string>
  readonly keys: KeySources
  /** Undefined if recording is off. */
  readonly record: RecordSources | undefined
  readonly log: Pick<Log, 'info' | 'error' | 'crashed'>
}

/** Maximum size of the body of an action, in bytes. */
const MAX_ACTION_BYTES = 4096

/**
 * Starts the admin port:
 *
 * - `/healthz` responds with 200 as long as the process runs;
 * - `/readyz` responds with 503 while load balancers should send requests elsewhere;
 * - `/metrics` is for Prometheus, and `/metrics.json` is a summary for people and scripts;
 * - `/` serves the dashboard, and `/api/` serves its data and performs its actions.
 *
 * @throws Error with a one-line reason if the port cannot be opened
 */
export async function startAdmin({
  config,
  tls,
  sources,
  perform,
  keys,
  record,
  log,
}: AdminOptions): Promise<AdminServer> {
  const guard = new AccessGuard(config)
  const audit = new AuditLog(log, config.audit)
  const routes = adminTable({ guard, audit, sources, perform, keys, record })
  const server = await startRouteServer({
    endpoint: config,
    tls,
    routes,
    denialOf: (access, request) => denialOf(access, request, guard),
    notFound: 'not found; the dashboard is at / and the metrics are at /metrics',
    log,
  })
  return {
    address: server.address,
    setTls: (material) => server.setTls(material),
    get auditDropped() {
      return audit.dropped
    },
    async close() {
      await server.close()
      await audit.close()
    },
  }
}

/** The services behind the routes of the admin port. */
type AdminServices = Pick<AdminOptions, 'sources' | 'perform' | 'keys' | 'record'> & {
  readonly guard: AccessGuard
  readonly audit: AuditLog
}

/** Returns all routes of the admin port by path. */
export function adminTable({
  guard,
  audit,
  sources,
  perform,
  keys,
  record,
}: AdminServices): ReadonlyMap<string, AdminRoute> {
  const actions = actionEndpoint(guard, audit, {
    ...{ maxBodyBytes: MAX_ACTION_BYTES, parse: parseAction },
    perform: async (action, by) => ({ done: await perform(action, by) }),
  })
  return new Map([
    ...adminRoutes(sources, RESPONSE_HEADERS),
    ['/api/actions', actions],
    // The path in version 0.1.
    ['/api/acts', actions],
    ...keyRoutes(keys, guard, audit),
    ...replayRoutes(record, RESPONSE_HEADERS),
  ])
}

/**
 * Starts the port for probes and Prometheus, which needs no token: `/healthz`, `/readyz` and
 * `/metrics`.
 *
 * @throws Error with a one-line reason if the port cannot be opened
 */
export function startProbes(
  endpoint: Endpoint,
  sources: ProbeSources,
  log: Pick<Log, 'crashed'>,
): Promise<RouteServer> {
  return startRouteServer({
    endpoint,
    routes: probeRoutes(sources),
    denialOf: async () => undefined,
    notFound: 'not found; this port serves /healthz, /readyz and /metrics',
    log,
  })
}

async function denialOf(access: AdminRoute['access'], { request }: AdminRequest, guard: AccessGuard) {
  if (access === 'data' || access === 'action') await guard.authenticate(request)
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
