import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createGunzip } from 'node:zlib'
import { afterEach, expect, it, onTestFinished, vi } from 'vitest'
import type { Status } from '../../../../src/server/admin/api/gateway-status.js'
import type { Sample } from '../../../../src/server/admin/api/live-samples.js'
import { SseFeed } from '../../../../src/server/admin/live/sse-feed.js'
import { sample } from '../../../dashboard/fake-traffic.js'

/** Fails the test, because no error is expected. */
const onError = (error: unknown) => {
  throw error
}

afterEach(() => vi.useRealTimers())

const ROUTES = Array.from({ length: 30 }, (_, index) => `POST /models/number-${index}/predict`)

/** Serves a feed whose history contains 15 busy minutes. */
async function serveBusyFeed() {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  let second = 0
  const samples: Sample[] = []
  const feed = new SseFeed({
    sample() {
      const next = sample(ROUTES, 1_790_000_000_000 + second * 1000, second++)
      samples.push(next)
      return next
    },
    status: async () => ({ version: '1' }) as Status,
    onError,
  })
  vi.advanceTimersByTime(900_000)
  const { port } = await serveFeed((response, request) => {
    feed.listen(response, {}, request.headers['accept-encoding'])
  }, feed)
  return { port, samples }
}

async function serveFeed(
  listen: (response: ServerResponse, request: IncomingMessage) => void,
  feed: SseFeed,
): Promise<{ readonly port: number }> {
  const server = createServer((request, response) => listen(response, request)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    feed.close()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port }
}

async function connect(port: number, encodings: string | undefined): Promise<IncomingMessage> {
  const headers = encodings === undefined ? {} : { 'accept-encoding': encodings }
  const request = get({ host: '127.0.0.1', port, headers })
  request.on('error', () => {})
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  onTestFinished(() => void response.destroy())
  return response.on('error', () => {})
}

it('SseFeed compresses its data to a tenth of the size for a client that accepts gzip, without delaying events', async () => {
  const { port, samples } = await serveBusyFeed()
  const history = JSON.stringify(samples)
  const response = await connect(port, 'gzip, deflate, br')
  expect(response.headers['content-encoding']).toBe('gzip')
  let sent = 0
  response.on('data', (chunk: Buffer) => {
    sent += chunk.length
  })
  let text = ''
  const events = response.pipe(createGunzip()).setEncoding('utf8')
  events.on('error', () => {}).on('data', (chunk) => (text += chunk))
  // This event must arrive without a later event that flushes it.
  await expect.poll(() => text, { timeout: 20_000 }).toMatch(/event: status\n.*\n\n$/)
  expect(text).toContain(`event: history\ndata: ${history}\n\n`)
  expect(history.length).toBeGreaterThan(6_000_000)
  expect(sent).toBeLessThan(history.length / 10)
  const { length } = text
  vi.advanceTimersByTime(1000)
  await expect.poll(() => text.slice(length)).toContain(`data: ${JSON.stringify(samples.at(-1))}\n\n`)
})

it.each([undefined, '', 'br', 'gzip;q=0', 'identity, gzip; q=0.0'])(
  'SseFeed sends uncompressed data to a client that does not accept gzip: %s',
  async (encodings) => {
    const { port } = await serveBusyFeed()
    const response = await connect(port, encodings)
    expect(response.headers['content-encoding']).toBeUndefined()
    const [first] = (await once(response, 'data')) as [Buffer]
    expect(first.toString()).toMatch(/^event: history\n/)
  },
)

it('SseFeed disconnects a client that does not read a compressed feed', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  // Base64 compresses to three quarters of its size, which soon fills the system's buffers.
  const padding = randomBytes(3_000_000).toString('base64')
  const feed = new SseFeed({
    sample: () => ({ padding }) as unknown as Sample,
    status: async () => ({}) as Status,
    onError,
  })
  const closed: Promise<unknown>[] = []
  const { port } = await serveFeed((response) => {
    closed.push(once(response, 'close'))
    feed.listen(response, {}, 'gzip')
  }, feed)
  const response = await connect(port, 'gzip')
  response.pause()
  let isClosed = false
  void closed[0]?.then(() => {
    isClosed = true
  })
  let seconds = 0
  while (!isClosed && seconds < 60) {
    vi.advanceTimersByTime(1000)
    seconds++
    await new Promise(setImmediate)
  }
  expect(isClosed).toBe(true)
  expect(seconds).toBeLessThan(25)
})
