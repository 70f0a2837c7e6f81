import { once } from 'node:events'
import { createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { StoreUnavailableError } from 'sluice'
import { afterEach, expect, it, onTestFinished, vi } from 'vitest'
import type { Status } from '../../../../src/server/admin/api/gateway-status.js'
import type { Sample } from '../../../../src/server/admin/api/live-samples.js'
import { SseFeed } from '../../../../src/server/admin/live/sse-feed.js'

/** Fails the test, because no error is expected. */
const onError = (error: unknown) => {
  throw error
}

afterEach(() => vi.useRealTimers())

it('SseFeed disconnects a client that does not read, before its buffer grows large', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  // Samples of this size soon fill the system's buffers.
  const sample = { padding: 'x'.repeat(4_000_000) } as unknown as Sample
  const feed = new SseFeed({ sample: () => sample, status: async () => ({}) as Status, onError })
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
  let maxBuffered = 0
  for (let second = 0; second < 30; second++) {
    vi.advanceTimersByTime(1000)
    maxBuffered = Math.max(maxBuffered, buffered())
    await new Promise(setImmediate)
  }
  await ended[0]
  expect(maxBuffered).toBeLessThan(13 * 4_000_100)
})

it('SseFeed sends the last 15 minutes to a client that connects later', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  let at = 0
  const feed = new SseFeed({
    sample: () => ({ at: at++ }) as Sample,
    status: async () => ({}) as Status,
    onError,
  })
  onTestFinished(() => feed.close())
  vi.advanceTimersByTime(2000 * 1000)
  let text = ''
  const response = {
    writeHead() {},
    once() {},
    destroy() {},
    write: (chunk: string) => (text += chunk),
  }
  feed.listen(response as unknown as Parameters<SseFeed['listen']>[0], {})
  const history = JSON.parse(/event: history\ndata: (.*)\n/.exec(text)?.[1] ?? '') as Sample[]
  expect(history.map((sample) => sample.at)).toEqual(Array.from({ length: 900 }, (_, index) => 1100 + index))
})

it('SseFeed reports an unexpected error once until a status succeeds, and never reports an unavailable store', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const errors: unknown[] = []
  let failing: Error | undefined = new StoreUnavailableError('a key', 100, new Error('gone'))
  const feed = new SseFeed({
    sample: () => ({}) as Sample,
    async status() {
      if (failing !== undefined) throw failing
      return {} as Status
    },
    onError: (error) => void errors.push(error),
  })
  onTestFinished(() => feed.close())
  const events: string[] = []
  const response = { writeHead() {}, once() {}, destroy() {}, write: (event: string) => events.push(event) }
  feed.listen(response as unknown as Parameters<SseFeed['listen']>[0], {})
  const advanceSeconds = async (count: number) => {
    for (let second = 0; second < count; second++) {
      vi.advanceTimersByTime(1000)
      await new Promise(setImmediate)
    }
  }
  await advanceSeconds(10)
  expect(errors).toEqual([])
  const first = new Error('first')
  failing = first
  await advanceSeconds(10)
  failing = undefined
  await advanceSeconds(2)
  const second = new Error('second')
  failing = second
  await advanceSeconds(10)
  expect(errors).toEqual([first, second])
  expect(events.filter((event) => event.startsWith('event: status'))).toHaveLength(1)
  expect(events.filter((event) => event.startsWith('event: sample'))).toHaveLength(32)
})
