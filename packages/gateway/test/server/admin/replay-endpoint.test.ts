import { once } from 'node:events'
import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { replayEndpoint } from '../../../src/server/admin/replay/replay-endpoint.js'
import type { RecordReplay } from '../../../src/server/admin/replay/replay-recording.js'

/** Serves the endpoint alone, with a replay that finishes immediately. */
async function serveEndpoint() {
  const configs: (string | undefined)[] = []
  const replay: RecordReplay = async ({ posted }) => {
    configs.push(posted)
    return { trace: '', names: [], report: {} as never }
  }
  const route = replayEndpoint(replay, {})
  const server = createServer(async (request, response) => {
    const result = await route.handle({ request, response, query: new URLSearchParams(), name: '' })
    response.writeHead(result?.status ?? 500).end()
  })
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  return { server, configs, url: `http://127.0.0.1:${port}/api/replay` }
}

it('the replay endpoint passes a posted configuration to the replay without parsing it', async () => {
  const { configs, url } = await serveEndpoint()
  expect((await fetch(url, { method: 'POST', body: 'no: configuration' })).status).toBe(200)
  expect(configs).toEqual(['no: configuration'])
})

it('the replay endpoint serves other replays while the body of one is incomplete', async () => {
  const { server, configs, url } = await serveEndpoint()
  const arrived = once(server, 'request')
  const slow = httpRequest(url, { method: 'POST', headers: { 'content-length': 10 } })
  slow.on('error', () => {})
  onTestFinished(() => void slow.destroy())
  slow.write('a part')
  await arrived
  expect((await fetch(url, { method: 'POST', body: 'all' })).status).toBe(200)
  const responded = once(slow, 'response')
  slow.end('rest')
  const [{ statusCode }] = await responded
  expect([statusCode, configs]).toEqual([200, ['all', 'a partrest']])
})
