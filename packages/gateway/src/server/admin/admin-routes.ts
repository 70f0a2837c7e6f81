import { fileURLToPath } from 'node:url'
import { readStaticFiles } from '../http/static-files.js'
import type { Summary } from '../observability/metrics/metrics-summary.js'
import type { Answer, Page } from './admin-route.js'
import type { ClientState, Status, Talkers } from './api/live-types.js'
import type { LiveFeed } from './live/sse-feed.js'

/** What the admin port tells. */
export interface AdminSources {
  /** Whether the gateway takes requests. Never rejects. */
  readonly readiness: () => Promise<Readiness>
  readonly metrics: {
    /** The media type of the text. */
    readonly type: string
    readonly text: () => Promise<string>
    readonly summary: () => Summary
  }
  readonly live: LiveSources
}

export interface Readiness {
  readonly ready: boolean
  /** Shown as it is. */
  readonly details: { readonly status: string; readonly [detail: string]: string }
}

/** What the dashboard shows. What asks the store rejects where that does not answer. */
interface LiveSources {
  readonly feed: Pick<LiveFeed, 'listen'>
  readonly status: () => Promise<Status>
  readonly talkers: () => Talkers
  /** Undefined where nobody like that is known. */
  readonly client: (text: string) => Promise<ClientState | undefined>
  /** The configuration that runs, in words. */
  readonly config: () => string
}

/** Longest text that is looked for. */
const MAX_SEARCH = 1000

/** The dashboard as it was built. */
const DASHBOARD = fileURLToPath(new URL('../../../dashboard/dist/', import.meta.url))

/** By their paths. `headers` are those of every answer. */
export function adminRoutes(
  { readiness, metrics, live }: AdminSources,
  headers: Readonly<Record<string, string>>,
): ReadonlyMap<string, Page> {
  const data = (answer: Page['answer']): Page => ({ access: 'data', answer })
  const files = [...readStaticFiles(DASHBOARD)].map(([path, { type, body }]): [string, Page] => [
    path,
    { access: 'empty', answer: () => ({ status: 200, type, body }) },
  ])
  return new Map<string, Page>([
    ['/healthz', { access: 'probe', answer: () => ok({ status: 'ok' }) }],
    [
      '/readyz',
      {
        access: 'probe',
        async answer() {
          const { ready, details } = await readiness()
          return { status: ready ? 200 : 503, body: details }
        },
      },
    ],
    ['/metrics', data(async () => ({ ...ok(await metrics.text()), type: metrics.type }))],
    ['/metrics.json', data(() => ok(metrics.summary()))],
    [
      '/api/live',
      data(({ request, response }) => {
        if (request.method === 'HEAD') return failure(405, 'only GET')
        const { 'accept-encoding': encodings } = request.headers
        return live.feed.listen(response, headers, encodings)
          ? undefined
          : failure(503, 'too many look already')
      }),
    ],
    ['/api/status', data(async () => ok(await live.status()))],
    ['/api/talkers', data(() => ok(live.talkers()))],
    ['/api/client', data(({ query }) => clientAnswer(query.get('q') ?? '', live.client))],
    ['/api/config', data(() => ({ ...ok(live.config()), type: 'text/plain; charset=utf-8' }))],
    ...files,
  ])
}

async function clientAnswer(text: string, client: LiveSources['client']): Promise<Answer> {
  if (text === '' || text.length > MAX_SEARCH)
    return failure(400, 'say whom to look for: /api/client?q=203.0.113.7, or the id of a client')
  const state = await client(text)
  return state === undefined ? failure(404, `nobody like '${text}' was seen lately`) : ok(state)
}

function ok(body: string | object): Answer {
  return { status: 200, body }
}

export function failure(status: number, error: string): Answer {
  return { status, body: { error } }
}
