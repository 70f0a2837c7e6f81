import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { MAX_DRAINED_BYTES } from '../../../src/server/http/drain-body.js'
import { startTestGateway, until } from '../gateway/running-gateway.js'
import { begin, responseTo } from './http-client.js'
import { message, rawClient } from './raw-client.js'
import { httpUpstream, textOf } from './upstream-under-test.js'

/** A route with a rule that reads the body, and a route without one. */
const READING = `
max_body: 100
routes:
  - { match: POST /read, limits: [{ limit: 1000/minute, cost: size(body.data) }] }
  - { match: POST /passed, limits: [1000/minute] }
`

const CHUNKED = 'Transfer-Encoding: chunked'
const JSON_BODY = 'Content-Type: application/json'

function padded(length: number): string {
  return `{"data":[]${' '.repeat(length - 11)}}`
}

function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`
}

describe('a body that no rule reads', () => {
  it('is streamed before it is complete, regardless of its size', async () => {
    const upstream = await httpUpstream()
    const { gateway } = await startTestGateway(READING, upstream.url)
    const client = begin(gateway.address.port, { method: 'POST', path: '/passed' })
    client.write('x'.repeat(1000))
    const { request, response } = await upstream.arrivals.next()
    expect(String((await once(request, 'data'))[0])).toBe('x'.repeat(1000))
    client.end('y'.repeat(1000))
    expect(await textOf(request)).toBe('y'.repeat(1000))
    response.end()
    expect((await responseTo(client)).statusCode).toBe(200)
  })

  it('keeps its Content-Length or its chunked coding', async () => {
    const upstream = await httpUpstream((_request, response) => response.end())
    const { gateway } = await startTestGateway('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(message('POST / HTTP/1.1', ['Content-Length: 5'], 'hello'))
    await client.until('200 OK')
    client.send(message('POST / HTTP/1.1', [CHUNKED], `${chunk('hello')}0\r\n\r\n`))
    await client.until('200 OK', 2)
    client.send(message('POST / HTTP/1.1', ['Content-Length: 0']))
    await client.until('200 OK', 3)
    const framings = []
    for (let count = 0; count < 3; count++) {
      const { headers } = (await upstream.arrivals.next()).request
      framings.push([headers['content-length'], headers['transfer-encoding']])
    }
    expect(framings).toEqual([
      ['5', undefined],
      [undefined, 'chunked'],
      ['0', undefined],
    ])
  })

  it('is forwarded unchanged, whatever bytes it contains', async () => {
    const upstream = await httpUpstream((request, response) => void request.pipe(response))
    const { gateway } = await startTestGateway('', upstream.url)
    const bytes = Buffer.from(Array.from({ length: 256 * 1024 }, (_, index) => (index * 31) % 256))
    const client = begin(gateway.address.port, { method: 'POST' })
    client.end(bytes)
    expect(await textOf(await responseTo(client))).toBe(bytes.toString('latin1'))
  })

  it('is forwarded for methods that usually have no body', async () => {
    const upstream = await httpUpstream((request, response) => void request.pipe(response))
    const { gateway } = await startTestGateway('', upstream.url)
    for (const method of ['GET', 'DELETE', 'OPTIONS', 'PATCH']) {
      const client = begin(gateway.address.port, { method, headers: { 'content-length': 5 } })
      client.end('hello')
      expect([method, await textOf(await responseTo(client))]).toEqual([method, 'hello'])
    }
  })
})

describe('a body that a rule reads', () => {
  it('is read completely before the request is forwarded with a Content-Length', async () => {
    const upstream = await httpUpstream((_request, response) => response.end())
    const { gateway } = await startTestGateway(READING, upstream.url)
    const { port } = gateway.address
    const client = await rawClient(port)
    client.send(message('POST /read HTTP/1.1', [CHUNKED, JSON_BODY], chunk('{"data":')))
    // A later request has reached the upstream, so this one would have as well.
    await responseTo(begin(port, { method: 'POST', path: '/passed' }).end())
    expect(upstream.arrivals.count).toBe(1)
    client.send(`${chunk('[1,2]}')}0\r\nX-Sum: 1\r\n\r\n`)
    await client.until('200 OK')
    expect((await upstream.arrivals.next()).request.url).toBe('/passed')
    const { request } = await upstream.arrivals.next()
    expect([request.url, request.headers['content-length'], request.headers['transfer-encoding']]).toEqual([
      '/read',
      '14',
      undefined,
    ])
  })

  it('is rejected because of its declared length before any of it arrives', async () => {
    const upstream = await httpUpstream((_request, response) => response.end())
    const { gateway } = await startTestGateway(READING, upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(message('POST /read HTTP/1.1', ['Content-Length: 101', JSON_BODY]))
    await client.until('{"type"')
    expect(client.received).toMatch(/^HTTP\/1\.1 413 /)
    expect(client.received).toContain('application/problem+json')
    // The client still sends its body, and the connection serves its next request.
    client.send(padded(101) + message('POST /read HTTP/1.1', ['Content-Length: 100', JSON_BODY], padded(100)))
    await client.until('HTTP/1.1 200 OK')
    expect(upstream.arrivals.count).toBe(1)
  })

  it('is rejected at the first byte beyond the limit if its length is not declared', async () => {
    const upstream = await httpUpstream((_request, response) => response.end())
    const { gateway } = await startTestGateway(READING, upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(message('POST /read HTTP/1.1', [CHUNKED, JSON_BODY], chunk(padded(101).slice(0, 100))))
    client.send(chunk('}'))
    await client.until('{"type"')
    expect(client.received).toMatch(/^HTTP\/1\.1 413 /)
    // The client continues to the end of its body.
    client.send(`${chunk('x'.repeat(100_000))}0\r\n\r\n`)
    client.send(message('POST /read HTTP/1.1', [CHUNKED, JSON_BODY], `${chunk(padded(100))}0\r\n\r\n`))
    await client.until('HTTP/1.1 200 OK')
    expect(upstream.arrivals.count).toBe(1)
  })

  it('is discarded after its rejection up to a bound, and the client is then disconnected', async () => {
    const upstream = await httpUpstream()
    const { gateway } = await startTestGateway(READING, upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(message('POST /read HTTP/1.1', [CHUNKED, JSON_BODY]))
    let sent = 0
    const chunkOf1MiB = chunk('x'.repeat(2 ** 20))
    const write = () => {
      while (!client.socket.destroyed) {
        sent += chunkOf1MiB.length
        if (!client.socket.write(chunkOf1MiB, 'latin1')) return
      }
    }
    client.socket.on('drain', write)
    write()
    await client.closed
    expect(client.received).toMatch(/^HTTP\/1\.1 413 /)
    expect(sent).toBeGreaterThan(MAX_DRAINED_BYTES)
    // Allows for the discarded bytes and for those in system buffers.
    expect(sent).toBeLessThan(2 * MAX_DRAINED_BYTES)
    expect(upstream.arrivals.count).toBe(0)
  })

  it('is abandoned when its client disconnects', async () => {
    const upstream = await httpUpstream((_request, response) => response.end())
    const { gateway, failures } = await startTestGateway(
      `routes: [{ match: POST /read, limits: [{ limit: 100/minute, cost: size(body.data) }] }]`,
      upstream.url,
    )
    const client = await rawClient(gateway.address.port)
    client.send(message('POST /read HTTP/1.1', ['Content-Length: 100', JSON_BODY], '{"data"'))
    client.socket.end()
    await client.closed
    const next = await rawClient(gateway.address.port)
    next.send(message('POST /read HTTP/1.1', ['Content-Length: 11', JSON_BODY], padded(11)))
    await until(() => next.received.includes('200 OK'))
    expect(upstream.arrivals.count).toBe(1)
    expect(failures).toEqual([])
  })
})
