import { once } from 'node:events'
import { createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, it, onTestFinished, vi } from 'vitest'
import { LiveFeed } from '../../../src/admin/live/feed.js'
import type { Sample, Status } from '../../../src/admin/live/live-types.js'

afterEach(() => vi.useRealTimers())

it('a listener that does not read is cut before much is kept for it', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  // What the system buffers by itself is soon used up by samples of this size.
  const sample = { padding: 'x'.repeat(4_000_000) } as unknown as Sample
  const feed = new LiveFeed({ sample: () => sample, status: async () => ({}) as Status })
  const ended: Promise<unknown>[] = []
  let buffered = () => 0
  const server = createServer((_request, response) => {
    ended.push(once(response, 'close'))
    buffered = () => response.writableLength
    feed.listen(response, {})
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    feed.close()
    server.close()
  })
  const request = get(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  const [response] = await once(request, 'response')
  response.on('error', () => {}).pause()
  request.on('error', () => {})
  let most = 0
  for (let second = 0; second < 30; second++) {
    vi.advanceTimersByTime(1000)
    most = Math.max(most, buffered())
    await new Promise(setImmediate)
  }
  await ended[0]
  expect(most).toBeLessThan(13 * 4_000_100)
})

it('a quarter of an hour is kept, and told to who comes later', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  let at = 0
  const feed = new LiveFeed({ sample: () => ({ at: at++ }) as Sample, status: async () => ({}) as Status })
  onTestFinished(() => feed.close())
  vi.advanceTimersByTime(2000 * 1000)
  let text = ''
  const response = {
    writeHead() {},
    once() {},
    destroy() {},
    write: (chunk: string) => (text += chunk),
  }
  feed.listen(response as unknown as Parameters<LiveFeed['listen']>[0], {})
  const history = JSON.parse(/event: history\ndata: (.*)\n/.exec(text)?.[1] ?? '') as Sample[]
  expect(history.map((sample) => sample.at)).toEqual(Array.from({ length: 900 }, (_, index) => 1100 + index))
})
