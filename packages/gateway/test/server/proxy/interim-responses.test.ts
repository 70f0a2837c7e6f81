import { describe, expect, it } from 'vitest'
import { startTestGateway } from '../gateway/running-gateway.js'
import { message, rawClient } from './raw-client.js'
import { httpUpstream, rawUpstream, textOf } from './upstream-under-test.js'

const EXPECTING = ['Content-Length: 5', 'Expect: 100-continue', 'Content-Type: application/json']

describe('a client that waits for 100 Continue', () => {
  it('gets 100 Continue from the gateway, and Expect is not forwarded', async () => {
    const upstream = await httpUpstream()
    const { gateway } = await startTestGateway('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(message('POST / HTTP/1.1', EXPECTING))
    await client.until('HTTP/1.1 100 Continue\r\n\r\n')
    client.send('hello')
    const { request, response } = await upstream.arrivals.next()
    expect(request.headers).not.toHaveProperty('expect')
    expect(await textOf(request)).toBe('hello')
    response.end('done')
    await client.until('done')
    expect(client.received.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 100', 'HTTP/1.1 200'])
  })

  it('gets no 100 Continue for a body that is too large', async () => {
    const { gateway } = await startTestGateway(
      'max_body: 4\nroutes: [{ match: POST /, limits: [{ limit: 1/minute, cost: size(body.data) }] }]',
    )
    const client = await rawClient(gateway.address.port)
    client.send(message('POST / HTTP/1.1', EXPECTING))
    await client.until('{"type"')
    expect(client.received).toMatch(/^HTTP\/1\.1 413 /)
    // The next bytes could be either the body or another request.
    expect(client.received).toContain('Connection: close\r\n')
    await client.closed
  })

  it('gets 100 Continue for a body that a rule reads, before the rule decides', async () => {
    const upstream = await httpUpstream((_request, response) => response.end())
    const { gateway } = await startTestGateway(
      'routes: [{ match: POST /, limits: [{ limit: 1/minute, cost: size(body) }] }]',
      upstream.url,
    )
    const client = await rawClient(gateway.address.port)
    client.send(message('POST / HTTP/1.1', EXPECTING))
    await client.until('HTTP/1.1 100 Continue\r\n\r\n')
    client.send('"abc"')
    await client.until('HTTP/1.1 429 ')
    expect(upstream.arrivals.count).toBe(0)
  })

  it('gets a 417 for any other expectation', async () => {
    const upstream = await httpUpstream((_request, response) => response.end())
    const { gateway } = await startTestGateway('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(message('POST / HTTP/1.1', ['Content-Length: 5', 'Expect: a miracle'], 'hello'))
    await client.until('HTTP/1.1 417 ')
    expect(upstream.arrivals.count).toBe(0)
  })
})

describe('interim responses from the upstream', () => {
  it('are not forwarded to the client', async () => {
    const upstream = await rawUpstream((socket) => {
      socket.write('HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n')
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone')
    })
    const { gateway } = await startTestGateway('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(message('GET / HTTP/1.1'))
    await client.until('done')
    expect(client.received).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(client.received).not.toContain('Link')
  })

  it.each([1, 5, 11, 12, 13, 24, 26, 1000])(
    'are not forwarded if they are 100 Continue, even if split after %d bytes',
    async (cut) => {
      const interim =
        'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 100\r\nA: b\r\n\r\n'
      const upstream = await rawUpstream(async (socket) => {
        socket.setNoDelay(true)
        socket.write(interim.slice(0, cut))
        await new Promise((resolve) => setImmediate(resolve))
        socket.write(`${interim.slice(cut)}HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\n`)
        await new Promise((resolve) => setImmediate(resolve))
        // The same bytes within a body are forwarded.
        socket.write('HTTP/1.1 100 Continue\r\n\r\n')
      })
      const { gateway } = await startTestGateway('', upstream.url)
      const client = await rawClient(gateway.address.port)
      for (const times of [1, 2]) {
        client.send(message('GET / HTTP/1.1'))
        await client.until('\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n', times)
      }
      expect(client.received).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    },
  )

  it.each([
    ['with an upgrade', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'],
    ['without one', ''],
  ])(
    'never switch protocols: an unrequested 101 %s results in a 502, and the request is sent once',
    async (_, headers) => {
      const upstream = await rawUpstream((socket) => {
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\n${headers}\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfake`,
        )
      })
      const { gateway } = await startTestGateway('timeouts: { headers: 2s }', upstream.url)
      for (let attempt = 0; attempt < 2; attempt++) {
        const client = await rawClient(gateway.address.port)
        client.send(message('GET / HTTP/1.1'))
        await client.until('HTTP/1.1 502 ')
        expect(client.received).not.toContain('fake')
      }
      expect(upstream.received.match(/GET/g)).toHaveLength(2)
    },
  )

  it('do not extend the response timeout', async () => {
    const upstream = await rawUpstream((socket) => socket.write('HTTP/1.1 102 Processing\r\n\r\n'))
    const { gateway } = await startTestGateway('timeouts: { headers: 50ms }', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(message('GET / HTTP/1.1'))
    await client.until('HTTP/1.1 504 ')
  })
})
