import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Endpoint } from '../config/config.js'
import { listen } from '../listen.js'

/** What the admin port tells. */
export interface AdminSources {
  /** Whether the gateway takes requests. */
  readonly isReady: () => boolean
}

export interface AdminServer {
  readonly address: AddressInfo
  close(): Promise<void>
}

/**
 * The port for those who run the gateway: `/healthz` answers 200 as long as the process does; `/readyz` answers 503 from
 * the moment that the gateway stops, so that a load balancer sends it nothing more.
 *
 * @throws Error that says in one line why the port cannot be had.
 */
export async function startAdmin(endpoint: Endpoint, { isReady }: AdminSources): Promise<AdminServer> {
  const pages = new Map<string, () => readonly [status: number, body: object]>([
    ['/healthz', () => [200, { status: 'ok' }]],
    ['/readyz', () => (isReady() ? [200, { status: 'ready' }] : [503, { status: 'stopping' }])],
  ])
  const server = createServer((request, response) => {
    const page = pages.get((request.url ?? '').replace(/\?.*/, ''))
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    const [status, body] = page === undefined ? notFound : isRead ? page() : notAllowed
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

const notFound = [404, { error: 'not found; there are /healthz and /readyz' }] as const
const notAllowed = [405, { error: 'only GET' }] as const
