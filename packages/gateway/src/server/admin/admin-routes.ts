import { fileURLToPath } from 'node:url'
import { acceptedTypes } from '../http/accept.js'
import { readStaticFiles } from '../http/static-files.js'
import { MEDIA_TYPES, type TextFormat } from '../observability/metrics/exposition.js'
import type { MetricsSummary } from '../observability/metrics/metrics-summary.js'
import { type AdminResponse, type AdminRoute, failure } from './admin-route.js'
import type { ActList } from './api/admin-actions.js'
import type { ClientState, TopClients } from './api/client-status.js'
import type { ClientTree } from './api/client-tree.js'
import type { Status } from './api/gateway-status.js'
import type { RecentRefusals } from './api/recent-refusals.js'
import type { RefusalFilter } from './live/recent-refusals.js'
import type { SseFeed } from './live/sse-feed.js'

/** The data for probes and Prometheus. */
export interface ProbeSources {
  /** Reports whether the gateway accepts requests. Never rejects. */
  readonly readiness: () => Promise<Readiness>
  readonly metrics: {
    readonly text: (format: TextFormat) => Promise<string>
  }
}

/** The data that the admin port serves. */
export interface AdminSources extends ProbeSources {
  readonly metrics: ProbeSources['metrics'] & { readonly summary: () => MetricsSummary }
  readonly live: LiveSources
}

export interface Readiness {
  readonly ready: boolean
  /** The body of the response. */
  readonly details: { readonly status: string; readonly [detail: string]: string }
}

/** The data of the dashboard. Functions that read the store reject while it is unavailable. */
interface LiveSources {
  readonly feed: Pick<SseFeed, 'listen'>
  readonly status: () => Promise<Status>
  readonly topClients: () => TopClients
  /** Resolves to undefined if no known client matches. */
  readonly client: (search: string) => Promise<ClientState | undefined>
  /** Returns the organizations, teams and clients that a search matches. */
  readonly tree: (search: string) => Promise<ClientTree>
  /** Returns the minutes since `from` (epoch milliseconds), as a JSON array of samples. */
  readonly history: (from: number) => string
  readonly refusals: (filter: RefusalFilter) => RecentRefusals
  /** The acts in effect. */
  readonly acts: () => ActList
  /** Answers a query of what clients have spent. */
  readonly spend: (query: URLSearchParams) => Promise<AdminResponse>
  /** A description of the running configuration, without secrets. */
  readonly config: () => string
}

/** Maximum length of a search for a client, in characters. */
const MAX_SEARCH = 1000

/** The built dashboard. */
const DASHBOARD = fileURLToPath(new URL('../../../dashboard/dist/', import.meta.url))

/**
 * Returns the read-only routes of the admin port by path.
 *
 * @param headers headers of every response
 */
export function adminRoutes(
  sources: AdminSources,
  headers: Readonly<Record<string, string>>,
): ReadonlyMap<string, AdminRoute> {
  const { metrics, live } = sources
  const data = (handle: AdminRoute['handle']): AdminRoute => ({ access: 'data', handle })
  const files = [...readStaticFiles(DASHBOARD)].map(([path, { type, body }]): [string, AdminRoute] => [
    path,
    { access: 'static', handle: () => ({ status: 200, type, body }) },
  ])
  return new Map<string, AdminRoute>([
    ...probeRoutes(sources),
    ['/metrics.json', data(() => ok(metrics.summary()))],
    [
      '/api/live',
      data(({ request, response }) => {
        if (request.method === 'HEAD') return failure(405, 'only GET is allowed')
        const { 'accept-encoding': encodings } = request.headers
        return live.feed.listen(response, headers, encodings)
          ? undefined
          : failure(503, 'too many dashboards are connected; close one of them')
      }),
    ],
    ['/api/status', data(async () => ok(await live.status()))],
    ['/api/talkers', data(() => ok(live.topClients()))],
    ['/api/client', data(({ query }) => findClient(query.get('q') ?? '', live.client))],
    ['/api/tree', data(({ query }) => readTree(query.get('q') ?? '', live.tree))],
    ['/api/history', data(({ query }) => readHistory(query, live.history))],
    ['/api/refusals', data(({ query }) => findRefusals(query, live.refusals))],
    ['/api/spend', data(({ query }) => live.spend(query))],
    ['/api/acts/current', data(() => ok(live.acts()))],
    ['/api/config', data(() => ({ ...ok(live.config()), type: 'text/plain; charset=utf-8' }))],
    ...files,
  ])
}

/** Returns the routes for probes and Prometheus by path. */
export function probeRoutes({ readiness, metrics }: ProbeSources): ReadonlyMap<string, AdminRoute> {
  return new Map<string, AdminRoute>([
    ['/healthz', { access: 'probe', handle: () => ok({ status: 'ok' }) }],
    [
      '/readyz',
      {
        access: 'probe',
        async handle() {
          const { ready, details } = await readiness()
          return { status: ready ? 200 : 503, body: details }
        },
      },
    ],
    [
      '/metrics',
      {
        access: 'data',
        async handle({ request }) {
          const format = textFormat(request.headers.accept)
          return { ...ok(await metrics.text(format)), type: MEDIA_TYPES[format] }
        },
      },
    ],
  ])
}

/** Returns the format of the metrics that a client prefers. Prometheus asks for OpenMetrics. */
function textFormat(accept: string | undefined): TextFormat {
  const types = acceptedTypes(accept)
  const open = types.get('application/openmetrics-text') ?? 0
  return open > 0 && open >= (types.get('text/plain') ?? 0) ? 'openmetrics' : 'prometheus'
}

async function findClient(search: string, client: LiveSources['client']): Promise<AdminResponse> {
  if (search === '' || search.length > MAX_SEARCH)
    return failure(
      400,
      `'q' must be an IP address or a client id of at most ${MAX_SEARCH} characters, as in /api/client?q=203.0.113.7`,
    )
  const state = await client(search)
  return state === undefined ? failure(404, 'no client that matches the search was seen recently') : ok(state)
}

async function readTree(search: string, tree: LiveSources['tree']): Promise<AdminResponse> {
  return search.length > MAX_SEARCH
    ? failure(400, `'q' must have at most ${MAX_SEARCH} characters`)
    : ok(await tree(search))
}

function readHistory(query: URLSearchParams, history: LiveSources['history']): AdminResponse {
  const from = query.get('from') ?? '0'
  return /^\d{1,15}$/.test(from)
    ? ok(history(Number(from)))
    : failure(400, `'from' must be a time in milliseconds since 1970, as in /api/history?from=1764684000000`)
}

const REFUSAL_FILTERS = ['text', 'rule', 'client', 'id'] as const

function findRefusals(query: URLSearchParams, refusals: LiveSources['refusals']): AdminResponse {
  const filter = Object.fromEntries(
    REFUSAL_FILTERS.flatMap((name) => {
      const value = query.get(name)
      return value === null || value === '' ? [] : [[name, value]]
    }),
  )
  const long = Object.entries(filter).find(([, value]) => value.length > MAX_SEARCH)
  return long === undefined
    ? ok(refusals(filter))
    : failure(400, `'${long[0]}' must have at most ${MAX_SEARCH} characters`)
}

function ok(body: string | object): AdminResponse {
  return { status: 200, body }
}
