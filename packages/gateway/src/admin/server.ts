import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { AdminConfig } from '../config/config.js'
import { listen } from '../listen.js'
import type { Summary } from '../metrics/summary.js'
import { Guard } from './guard.js'

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
}

export interface Readiness {
  readonly ready: boolean
  /** Shown as it is. */
  readonly details: { readonly status: string; readonly [detail: string]: string }
}

export interface AdminServer {
  readonly address: AddressInfo
  close(): Promise<void>
}

interface Page {
  readonly status: number
  /** Default: JSON. */
  readonly type?: string
  /** A text as it is, or what becomes JSON. */
  readonly body: string | object
}

interface PageSource {
  /** Whether it is shown to everybody: what probes ask for. */
  readonly open?: boolean
  readonly read: () => Promise<Page> | Page
}

/** None of it is for another site, a frame or a cache. */
const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

/**
 * The port for those who run the gateway: `/healthz` answers 200 as long as the process does; `/readyz` answers 503
 * while requests had better go elsewhere; `/metrics` is for Prometheus, and `/metrics.json` for people and scripts.
 *
 * @throws Error that says in one line why the port cannot be had.
 */
export async function startAdmin(config: AdminConfig, sources: AdminSources): Promise<AdminServer> {
  const pages = pagesOf(sources)
  const guard = new Guard(config)
  const server = createServer(async (request, response) => {
    const { status, type = 'application/json', body } = await pageFor(request, pages, guard)
    response.writeHead(status, {
      ...HEADERS,
      'content-type': type,
      ...(status === 401 && { 'www-authenticate': 'Bearer' }),
    })
    response.end(typeof body === 'string' ? body : `${JSON.stringify(body)}\n`)
  })
  const address = await listen(server, config)
  return {
    address,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function pagesOf({ readiness, metrics }: AdminSources): ReadonlyMap<string, PageSource> {
  return new Map<string, PageSource>([
    ['/healthz', { open: true, read: () => ({ status: 200, body: { status: 'ok' } }) }],
    [
      '/readyz',
      {
        open: true,
        async read() {
          const { ready, details } = await readiness()
          return { status: ready ? 200 : 503, body: details }
        },
      },
    ],
    ['/metrics', { read: async () => ({ status: 200, type: metrics.type, body: await metrics.text() }) }],
    ['/metrics.json', { read: () => ({ status: 200, body: metrics.summary() }) }],
  ])
}

async function pageFor(
  request: IncomingMessage,
  pages: ReadonlyMap<string, PageSource>,
  guard: Guard,
): Promise<Page> {
  const page = pages.get((request.url ?? '').replace(/\?.*/, ''))
  const denial = page?.open === true ? undefined : guard.denies(request)
  if (denial !== undefined) return { status: denial.status, body: { error: denial.error } }
  if (page === undefined)
    return { status: 404, body: { error: `not found; there are ${[...pages.keys()].join(', ')}` } }
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return { status: 405, body: { error: 'only GET' } }
  return page.read()
}
