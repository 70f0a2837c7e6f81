import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Endpoint } from '../config/config.js'
import { listen } from '../listen.js'

/** What the admin port tells. */
export interface AdminSources {
  /** Whether the gateway takes requests. Never rejects. */
  readonly readiness: () => Promise<Readiness>
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

/**
 * The port for those who run the gateway: `/healthz` answers 200 as long as the process does; `/readyz` answers 503
 * while requests had better go elsewhere.
 *
 * @throws Error that says in one line why the port cannot be had.
 */
export async function startAdmin(endpoint: Endpoint, { readiness }: AdminSources): Promise<AdminServer> {
  const pages = new Map<string, () => Promise<Page>>([
    ['/healthz', async () => [200, { status: 'ok' }]],
    [
      '/readyz',
      async () => {
        const { ready, details } = await readiness()
        return [ready ? 200 : 503, details]
      },
    ],
  ])
  const server = createServer(async (request, response) => {
    const page = pages.get((request.url ?? '').replace(/\?.*/, ''))
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    const [status, body] = page === undefined ? notFound : isRead ? await page() : notAllowed
    response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    response.end(`${JSON.stringify(body)}\n`)
  })
  const address = await listen(server, endpoint)
  return {
    address,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

type Page = readonly [status: number, body: object]

const notFound = [404, { error: 'not found; there are /healthz and /readyz' }] as const
const notAllowed = [405, { error: 'only GET' }] as const
