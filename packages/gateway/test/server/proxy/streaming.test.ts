import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { gatewayTo } from './gateway-under-test.js'
import { begin, responseTo } from './http-client.js'
import { httpUpstream } from './upstream-under-test.js'

const CHUNK = Buffer.alloc(64 * 1024, 'x')
const MIB = 1024 * 1024

/** Upper bound on the system and stream buffers of two connections, far less than is sent. */
const MAX_BUFFERED = 40 * MIB
const TOTAL = 80 * MIB

/** Writes `TOTAL` bytes at the pace of the reader, and counts them. */
function writeAll(stream: Writable): { readonly written: number } {
  const state = { written: 0 }
  const write = () => {
    while (state.written < TOTAL) {
      state.written += CHUNK.length
      if (!stream.write(CHUNK)) return
    }
    stream.off('drain', write)
    stream.end()
  }
  stream.on('drain', write)
  write()
  return state
}

/** Waits until a writer makes no more progress or exceeds the bound. */
async function waitUntilStalled(writer: { readonly written: number }): Promise<void> {
  let before = -1
  let unchanged = 0
  while (unchanged < 20 && writer.written <= MAX_BUFFERED) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    unchanged = writer.written === before ? unchanged + 1 : 0
    before = writer.written
  }
}

describe('backpressure', () => {
  it('pauses the upstream while the client does not read', async () => {
    const upstream = await httpUpstream()
    const gateway = await gatewayTo(upstream.url)
    const client = begin(gateway.port).end()
    const { response } = await upstream.arrivals.next()
    const writer = writeAll(response)
    const clientResponse = await responseTo(client)
    await waitUntilStalled(writer)
    expect(writer.written).toBeLessThan(MAX_BUFFERED)
    const exchange = await gateway.exchanges.next()
    expect(exchange.response.writableLength).toBeLessThan(MIB)

    let read = 0
    for await (const chunk of clientResponse) read += chunk.length
    expect(read).toBe(TOTAL)
    expect(await exchange.outcome).toEqual({ kind: 'answered', status: 200 })
  })

  it('pauses the client while the upstream does not read', async () => {
    const upstream = await httpUpstream()
    const gateway = await gatewayTo(upstream.url)
    const client = begin(gateway.port, { method: 'POST' })
    const writer = writeAll(client)
    const { request, response } = await upstream.arrivals.next()
    await waitUntilStalled(writer)
    expect(writer.written).toBeLessThan(MAX_BUFFERED)
    const exchange = await gateway.exchanges.next()
    expect(exchange.request.readableLength).toBeLessThan(MIB)

    let read = 0
    for await (const chunk of request) read += chunk.length
    expect(read).toBe(TOTAL)
    response.end()
    expect((await responseTo(client)).statusCode).toBe(200)
  })
})

describe('streaming', () => {
  it('delivers each event before the next is written', async () => {
    const upstream = await httpUpstream()
    const gateway = await gatewayTo(upstream.url)
    const client = begin(gateway.port).end()
    const { response } = await upstream.arrivals.next()
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.flushHeaders()
    const clientResponse = await responseTo(client)
    expect(clientResponse.headers['content-type']).toBe('text/event-stream')
    for (let event = 1; event <= 100; event++) {
      response.write(`data: ${event}\n\n`)
      const [chunk] = await once(clientResponse, 'data')
      expect(String(chunk)).toBe(`data: ${event}\n\n`)
    }
    response.end()
    await once(clientResponse, 'end')
    expect(await gateway.outcome()).toEqual({ kind: 'answered', status: 200 })
  })

  it('forwards an upload and a download at the same time, byte for byte', async () => {
    const upstream = await httpUpstream((request, response) => void request.pipe(response))
    const gateway = await gatewayTo(upstream.url)
    const client = begin(gateway.port, { method: 'POST' })
    client.write('0')
    const clientResponse = await responseTo(client)
    expect(String((await once(clientResponse, 'data'))[0])).toBe('0')
    for (let round = 1; round <= 50; round++) {
      client.write(`round ${round}`)
      expect(String((await once(clientResponse, 'data'))[0])).toBe(`round ${round}`)
    }
    client.end()
    clientResponse.resume()
    await once(clientResponse, 'end')
    expect(await gateway.outcome()).toEqual({ kind: 'answered', status: 200 })
  })

  it('forwards the head of an upload first, and then each part as it arrives', async () => {
    const upstream = await httpUpstream()
    const gateway = await gatewayTo(upstream.url)
    const client = begin(gateway.port, { method: 'PUT', headers: { 'content-length': 3 } })
    client.write('a')
    const { request, response } = await upstream.arrivals.next()
    expect(String((await once(request, 'data'))[0])).toBe('a')
    for (const byte of ['b', 'c']) {
      client.write(byte)
      expect(String((await once(request, 'data'))[0])).toBe(byte)
    }
    await once(request, 'end')
    response.end()
    expect((await responseTo(client)).statusCode).toBe(200)
  })
})
