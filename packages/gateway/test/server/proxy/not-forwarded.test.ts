import { describe, expect, it } from 'vitest'
import { startTestGateway } from '../gateway/running-gateway.js'
import { message, rawClient } from './raw-client.js'
import { httpUpstream, rawUpstream } from './upstream-under-test.js'

describe('trailers', () => {
  it('of a request reach the upstream neither as trailers nor as headers', async () => {
    const upstream = await rawUpstream((socket, text) => {
      if (text.includes('\r\n0\r\n')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    })
    const { gateway } = await startTestGateway('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(
      message(
        'POST / HTTP/1.1',
        ['Transfer-Encoding: chunked', 'Trailer: X-Sum, X-Forwarded-For'],
        '5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n',
      ),
    )
    await client.until('\r\n\r\nok')
    expect(upstream.received).toMatch(/\r\n\r\n5\r\nhello\r\n0\r\n\r\n$/)
    expect(upstream.received).not.toMatch(/X-Sum|10\.0\.0\.1|Content-Length/i)
  })

  it('of a response do not reach the client', async () => {
    const upstream = await rawUpstream((socket) => {
      socket.write(
        'HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n',
      )
    })
    const { gateway } = await startTestGateway('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(message('GET / HTTP/1.1', ['TE: trailers', 'Connection: TE, close']))
    expect(await client.closed).toBe('')
    expect(client.received).toMatch(/\r\n\r\n2\r\nok\r\n0\r\n\r\n$/)
    expect(client.received).not.toContain('X-Sum')
  })
})

describe('a protocol upgrade', () => {
  const upgrade = (protocol: string, line = 'GET /chat HTTP/1.1') =>
    message(line, [
      'Connection: Upgrade, HTTP2-Settings',
      `Upgrade: ${protocol}`,
      'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ])

  it.each(['h2c', 'TLS/1.0', 'HTTP/2.0', 'H2C'])(
    'to %s is removed, and the request is forwarded',
    async (protocol) => {
      const upstream = await httpUpstream((_request, response) => response.end('ok'))
      const { gateway } = await startTestGateway(
        'routes: [{ match: GET /chat, limits: [1/minute] }]',
        upstream.url,
      )
      const client = await rawClient(gateway.address.port)
      client.send(upgrade(protocol))
      await client.until('\r\n\r\nok')
      const { request } = await upstream.arrivals.next()
      expect(request.headers).not.toHaveProperty('upgrade')
      expect(request.headers).not.toHaveProperty('http2-settings')
      expect(request.headers.connection).toBe('keep-alive')
      // The request is limited like any other, and so is the next one on the connection.
      client.send(upgrade(protocol))
      await client.until('HTTP/1.1 429 ')
      client.send(message('GET /chat HTTP/1.1'))
      await client.until('HTTP/1.1 429 ', 2)
      expect(upstream.arrivals.count).toBe(1)
    },
  )

  it.each(['websocket', 'WebSocket', 'h2c, websocket', 'irc/6.9', 'connect-udp'])(
    'to %s is rejected with 501 and an explanation',
    async (protocol) => {
      const upstream = await rawUpstream()
      const { gateway } = await startTestGateway(
        'routes: [{ match: GET /chat, limits: [1/minute] }]',
        upstream.url,
      )
      for (const bytes of [upgrade(protocol), message('GET /chat HTTP/1.1', [`upgrade: ${protocol}`])]) {
        const client = await rawClient(gateway.address.port)
        client.send(bytes)
        await client.closed
        expect(client.received).toMatch(/^HTTP\/1\.1 501 /)
        expect(client.received).toContain('application/problem+json')
        expect(client.received).toContain('cannot upgrade a connection')
      }
      expect(upstream.received).toBe('')
    },
  )

  it('is ignored in HTTP/1.0, which has no upgrades', async () => {
    const upstream = await httpUpstream((_request, response) => response.end('ok'))
    const { gateway } = await startTestGateway('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(upgrade('websocket', 'GET /chat HTTP/1.0'))
    await client.closed
    expect(client.received).toMatch(/ 200 OK\r\n/)
    const { request } = await upstream.arrivals.next()
    expect(request.headers).not.toHaveProperty('upgrade')
  })

  it('by the HTTP/2 preface is rejected with 400', async () => {
    const upstream = await rawUpstream()
    const { gateway } = await startTestGateway('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    await client.closed
    expect(client.received).toMatch(/^HTTP\/1\.1 400 /)
    expect(upstream.received).toBe('')
  })
})
