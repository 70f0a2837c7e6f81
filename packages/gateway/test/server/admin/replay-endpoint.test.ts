import { once } from 'node:events'
import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { replayEndpoint } from '../../../src/server/admin/replay/replay-endpoint.js'
import type { RecordReplay } from '../../../src/server/admin/replay/replay-recording.js'

/** The page alone, with a replay that answers at once. */
async function pageOf() {
  const asked: (string | undefined)[] = []
  const replay: RecordReplay = async ({ posted }) => {
    asked.push(posted)
    return { trace: '', names: [], report: {} as never }
  }
  const page = replayEndpoint(replay, {})
  const server = createServer(async (request, response) => {
    const answer = await page.answer({ request, response, query: new URLSearchParams() })
    response.writeHead(answer?.status ?? 500).end()
  })
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  return { server, asked, url: `http://127.0.0.1:${port}/api/replay` }
}

it('a configuration that is posted is read by who replays, not where requests are answered', async () => {
  const { asked, url } = await pageOf()
  expect((await fetch(url, { method: 'POST', body: 'no: configuration' })).status).toBe(200)
  expect(asked).toEqual(['no: configuration'])
})

it('who sends a part of a question and no more keeps nobody from asking', async () => {
  const { server, asked, url } = await pageOf()
  const came = once(server, 'request')
  const slow = httpRequest(url, { method: 'POST', headers: { 'content-length': 10 } })
  slow.on('error', () => {})
  onTestFinished(() => void slow.destroy())
  slow.write('a part')
  await came
  expect((await fetch(url, { method: 'POST', body: 'all' })).status).toBe(200)
  const answered = once(slow, 'response')
  slow.end('rest')
  const [{ statusCode }] = await answered
  expect([statusCode, asked]).toEqual([200, ['all', 'a partrest']])
})
