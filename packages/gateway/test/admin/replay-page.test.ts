import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import type { RecordReplay } from '../../src/admin/replay/record-replay.js'
import { replayPage } from '../../src/admin/replay/replay-page.js'

it('a configuration that is posted is read by who replays, not where requests are answered', async () => {
  const asked: (string | undefined)[] = []
  const replay: RecordReplay = async ({ posted }) => {
    asked.push(posted)
    return { trace: '', names: [], report: {} as never }
  }
  const page = replayPage(replay, {})
  const server = createServer(async (request, response) => {
    const answer = await page.answer({ request, response, query: new URLSearchParams() })
    response.writeHead(answer?.status ?? 500).end()
  })
  onTestFinished(() => void server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}/api/replay`
  expect((await fetch(url, { method: 'POST', body: 'no: configuration' })).status).toBe(200)
  expect(asked).toEqual(['no: configuration'])
})
