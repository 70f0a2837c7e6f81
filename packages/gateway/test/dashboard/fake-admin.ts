import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ActList } from '../../src/server/admin/api/admin-actions.js'
import type { KeyList } from '../../src/server/admin/api/admin-keys.js'
import type { ClientState, TopClients } from '../../src/server/admin/api/client-status.js'
import type { ClientTree } from '../../src/server/admin/api/client-tree.js'
import type { Status } from '../../src/server/admin/api/gateway-status.js'
import type { Sample } from '../../src/server/admin/api/live-samples.js'
import type { RecentRefusal, RecentRefusals } from '../../src/server/admin/api/recent-refusals.js'
import type { RecordStatus } from '../../src/server/admin/api/replay-types.js'
import type { SpendReport } from '../../src/server/admin/api/spend-report.js'

const PAGE = fileURLToPath(new URL('../../dashboard/dist', import.meta.url))
const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' }

/** Data of a fake admin port, for states that are hard to reach with a real gateway. */
export interface FakeAdminState {
  history: readonly Sample[]
  status: Status
  topClients: TopClients
  /** Minutes of the history, oldest first. */
  minutes: readonly Sample[]
  refusals: readonly RecentRefusal[]
  client: (text: string) => ClientState | undefined
  tree: ClientTree
  spend: SpendReport
  acts: ActList
  keys: KeyList
  configuration: string
  record: RecordStatus
}

/** An admin port that serves the built dashboard and fixed data. */
export interface FakeAdmin {
  readonly url: string
  send(event: 'sample' | 'status', data: Sample | Status): void
  /** Closes the connections of all pages. */
  disconnect(): void
  /** Rejects connections, like a stopped gateway. */
  setDown(isDown: boolean): void
  close(): Promise<void>
}

export async function startFakeAdmin(state: FakeAdminState): Promise<FakeAdmin> {
  const streams = new Set<ServerResponse>()
  let isDown = false
  const json = (response: ServerResponse, body: object, status = 200) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    if (isDown) return request.socket.destroy()
    const { pathname, searchParams } = new URL(`http://admin${request.url}`)
    if (pathname === '/api/talkers') return json(response, state.topClients)
    if (pathname === '/api/spend') return json(response, state.spend)
    if (pathname === '/api/tree') return json(response, state.tree)
    if (pathname === '/api/history') {
      const from = Number(searchParams.get('from'))
      return json(
        response,
        state.minutes.filter(({ at }) => at >= from),
      )
    }
    if (pathname === '/api/refusals') return json(response, matching(state.refusals, searchParams))
    if (pathname === '/api/record') return json(response, state.record)
    if (pathname === '/api/acts/current') return json(response, state.acts)
    if (pathname === '/api/keys') return json(response, state.keys)
    if (pathname === '/api/config') return response.end(state.configuration)
    if (pathname === '/api/client') {
      const client = state.client(searchParams.get('q') ?? '')
      return client === undefined ? json(response, { error: 'no such client' }, 404) : json(response, client)
    }
    if (pathname === '/api/live') {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      write(response, 'history', state.history)
      write(response, 'status', state.status)
      streams.add(response)
      return request.on('close', () => streams.delete(response))
    }
    const file = pathname === '/' ? 'index.html' : pathname
    response.setHeader('content-type', TYPES[extname(file)] ?? 'text/plain')
    return response.end(await readFile(join(PAGE, file)))
  }

  const server = createServer((request, response) => {
    respond(request, response).catch(() => response.writeHead(404).end())
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    send(event, data) {
      for (const response of streams) write(response, event, data)
    },
    disconnect() {
      for (const response of streams) response.destroy()
    },
    setDown(value) {
      isDown = value
    },
    async close() {
      server.closeAllConnections()
      await once(server.close(), 'close')
    },
  }
}

/** Filters refusals as the gateway does. */
function matching(kept: readonly RecentRefusal[], query: URLSearchParams): RecentRefusals {
  const [text, rule, client] = ['text', 'rule', 'client'].map((name) => query.get(name) ?? '')
  const refusals = kept.filter(
    (each) =>
      (rule === '' || each.rule === rule) &&
      (client === '' || each.client === client) &&
      JSON.stringify(each).includes(text ?? ''),
  )
  return { refusals, matching: refusals.length, kept: kept.length, maxKept: 1000 }
}

function write(response: ServerResponse, event: string, data: object): void {
  response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
}
