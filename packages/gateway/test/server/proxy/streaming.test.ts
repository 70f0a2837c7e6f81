import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { gatewayTo } from './gateway-under-test.js'
import { begin, responseTo } from './http-client.js'
import { httpUpstream } from './upstream-under-test.js'

const CHUNK = Buffer.alloc(64 * 1024, 'x')
const MIB = 1024 * 1024

/**
 * The most bytes that the system and stream buffers of two connections may hold, which is far less
 * than is sent.
 */
const BOUND = 40 * MIB
const TOTAL = 80 * MIB

/** Writes everything at the pace of the reader, and counts the bytes. */
function writing(stream: Writable): { readonly written: number } {
  const state = { written: 0 }
  const go = () => {
    while (state.written < TOTAL) {
      state.written += CHUNK.length
      if (!stream.write(CHUNK)) return
    }
    stream.off('drain', go)
    stream.end()
  }
  stream.on('drain', go)
  go()
  return state
}

/** Waits until a writer makes no progress, or exceeds its bound. */
async function stuck(writer: { readonly written: number }): Promise<void> {
  let before = -1
  let same = 0
  while (same < 20 && writer.written <= BOUND) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    same = writer.written === before ? same + 1 : 0
    before = writer.written
  }
}

describe('backpressure', () => {
  it('pauses the upstream while the client does not read', async () => {
    const upstream = await httpUpstream()
    const gateway = await gatewayTo(upstream.url)
    const client = begin(gateway.port).end()
    const { response } = await upstream.arrivals.next()
    const writer = writing(response)
    const answer = await responseTo(client)
    await stuck(writer)
    expect(writer.written).toBeLessThan(BOUND)
    const exchange = await gateway.exchanges.next()
    expect(exchange.response.writableLength).toBeLessThan(MIB)

    let read = 0
    for await (const chunk of answer) read += chunk.length
    expect(read).toBe(TOTAL)
    expect(await exchange.outcome).toEqual({ kind: 'answered', status: 200 })
  })

  it('pauses the client while the upstream does not read', async () => {
    const upstream = await httpUpstream()
    const gateway = await gatewayTo(upstream.url)
    const client = begin(gateway.port, { method: 'POST' })
    const writer = writing(client)
    const { request, response } = await upstream.arrivals.next()
    await stuck(writer)
    expect(writer.written).toBeLessThan(BOUND)
    const exchange = await gateway.exchanges.next()
    expect(exchange.request.readableLength).toBeLessThan(MIB)

    let read = 0
    for await (const chunk of request) read += chunk.length
    expect(read).toBe(TOTAL)
    response.end()
    expect((await responseTo(client)).statusCode).toBe(200)
  })
})

describe('streams', () => {
  it('delivers each event before the next is written', async () => {
    const upstream = await httpUpstream()
    const gateway = await gatewayTo(upstream.url)
    const client = begin(gateway.port).end()
    const { response } = await upstream.arrivals.next()
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.flushHeaders()
    const answer = await responseTo(client)
    expect(answer.headers['content-type']).toBe('text/event-stream')
    for (let event = 1; event <= 100; event++) {
      response.write(`data: ${event}\n\n`)
      const [chunk] = await once(answer, 'data')
      expect(String(chunk)).toBe(`data: ${event}\n\n`)
    }
    response.end()
    await once(answer, 'end')
    expect(await gateway.outcome()).toEqual({ kind: 'answered', status: 200 })
  })

  it('forwards an upload and a download at the same time, byte for byte', async () => {
    const upstream = await httpUpstream((request, response) => void request.pipe(response))
    const gateway = await gatewayTo(upstream.url)
    const client = begin(gateway.port, { method: 'POST' })
    client.write('0')
    const answer = await responseTo(client)
    expect(String((await once(answer, 'data'))[0])).toBe('0')
    for (let turn = 1; turn <= 50; turn++) {
      client.write(`turn ${turn}`)
      expect(String((await once(answer, 'data'))[0])).toBe(`turn ${turn}`)
    }
    client.end()
    answer.resume()
    await once(answer, 'end')
    expect(await gateway.outcome()).toEqual({ kind: 'answered', status: 200 })
  })

  it('forwards an upload as it is sent, with the head first', async () => {
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
