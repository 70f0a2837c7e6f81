import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { send, startTestGateway, until } from './running-gateway.js'

/** Five minutes of a fast model: 200 tokens per second, one event each. */
const EVENTS = 5 * 60 * 200

const EVENT = `data: {"choices":[{"index":0,"delta":{"content":"token"}}],"padding":"${'x'.repeat(1000)}"}\n\n`

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

/** Writes events at the pace of their reader until it disconnects. */
async function streamEvents(response: ServerResponse, count: number): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (let event = 0; event < count; event++) {
    if (!response.write(EVENT)) await new Promise((resolve) => response.once('drain', resolve))
  }
  response.end()
}

describe('a long stream', () => {
  it('is forwarded completely in constant memory, and holds its slot until the end', async () => {
    const { url } = await startTestGateway(
      // The lease is far shorter than the stream, so it is renewed.
      'routes: [{ match: POST /stream, limits: [{ concurrent: 1, lease: 50ms }] }]',
      (_request, response) => void streamEvents(response, EVENTS),
    )
    const { hostname, port } = new URL(url)
    const request = httpRequest({ hostname, port, method: 'POST', path: '/stream' }).end()
    const [response] = (await once(request, 'response')) as [IncomingMessage]

    const before = liveMemory()
    let received = 0
    let peak = 0
    let checks = 0
    const started = performance.now()
    for await (const chunk of response) {
      received += chunk.length
      if (received > (checks * EVENTS * EVENT.length) / 10) {
        checks++
        peak = Math.max(peak, liveMemory())
      }
      // After a quarter, the reader pauses for several leases. No data may accumulate, and no
      // request may be admitted.
      if (received > (EVENTS * EVENT.length) / 4 && performance.now() - started < 300) {
        expect((await send(url, '/stream')).status).toBe(429)
      }
    }
    expect(received).toBe(EVENTS * EVENT.length)
    // The stream exceeds 60 MB. Only the contents of the buffers are in memory at any time.
    expect(checks).toBe(10)
    expect(peak - before).toBeLessThan(4_000_000)
    const next = httpRequest({ hostname, port, method: 'POST', path: '/stream' }).end()
    const [nextResponse] = (await once(next, 'response')) as [IncomingMessage]
    expect(nextResponse.statusCode).toBe(200)
    next.destroy()
  })
})

describe('1,000 clients that abort their streams, 50 at a time', () => {
  it('leak no slot and leave no request open at the upstream', async () => {
    let open = 0
    const { url } = await startTestGateway(
      'routes: [{ match: POST /stream, limits: [{ concurrent: 50 }] }]',
      (_request, response) => {
        open++
        response.once('close', () => open--)
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write(EVENT)
      },
    )
    const { hostname, port } = new URL(url)
    /** Aborts a stream after its first event, unless the request is refused. */
    const abortStream = async (): Promise<number> => {
      const request = httpRequest({ hostname, port, method: 'POST', path: '/stream', agent: false }).end()
      request.on('error', () => {})
      const [response] = (await once(request, 'response')) as [IncomingMessage]
      response.on('error', () => {})
      if (response.statusCode === 200) await once(response, 'data')
      request.destroy()
      return response.statusCode ?? 0
    }
    let aborted = 0
    await Promise.all(
      Array.from({ length: 50 }, async () => {
        while (aborted < 1000) {
          // The slot of the last stream may not be free yet. If slots leak, this loop never ends.
          if ((await abortStream()) === 200) aborted++
        }
      }),
    )
    await until(() => open === 0)

    const streams = Array.from({ length: 51 }, () => {
      const request = httpRequest({ hostname, port, method: 'POST', path: '/stream', agent: false }).end()
      request.on('error', () => {})
      return request
    })
    const statuses = await Promise.all(
      streams.map(async (request) => ((await once(request, 'response')) as [IncomingMessage])[0].statusCode),
    )
    expect(statuses.filter((status) => status === 200)).toHaveLength(50)
    expect(statuses.filter((status) => status === 429)).toHaveLength(1)
    for (const request of streams) request.destroy()
    await until(() => open === 0)
  })
})

/** Returns the memory in use after garbage collection, in bytes. */
function liveMemory(): number {
  // Buffers found by one collection are freed by the next.
  collectGarbage()
  collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
