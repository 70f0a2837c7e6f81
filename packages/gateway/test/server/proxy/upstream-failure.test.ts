import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { send, startTestGateway } from '../gateway/running-gateway.js'
import { begin, responseTo } from './http-client.js'
import { message, rawClient } from './raw-client.js'
import { rawUpstream, textOf, unusedAddress } from './upstream-under-test.js'

const CLOSED = 'The upstream closed the connection before it responded.'
const INVALID = "The upstream's response is not valid HTTP."

/** Failures of an upstream before its response, with the detail that the client receives. */
const BEFORE_RESPONSE: Record<string, [fail: (socket: Socket) => void, detail: string, code: string]> = {
  'closes the connection': [(socket) => socket.end(), CLOSED, 'UND_ERR_SOCKET'],
  'resets the connection': [(socket) => socket.resetAndDestroy(), CLOSED, 'ECONNRESET'],
  'closes the connection within a head': [
    (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-'),
    CLOSED,
    'UND_ERR_SOCKET',
  ],
  'sends something other than HTTP': [
    (socket) => socket.write('220 smtp.example ESMTP\r\n'),
    INVALID,
    'HPE_INVALID',
  ],
  'sends an invalid status': [(socket) => socket.write('HTTP/1.1 2x0 OK\r\n\r\n'), INVALID, 'HPE_INVALID'],
  'sends an invalid Content-Length': [
    (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n'),
    INVALID,
    'HPE_INVALID',
  ],
  'sends two Content-Length headers': [
    (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok'),
    INVALID,
    'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  ],
  'sends a Content-Length and chunks': [
    (socket) =>
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
    INVALID,
    'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  ],
  'sends chunks and a Content-Length': [
    (socket) =>
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n'),
    INVALID,
    'HPE_INVALID',
  ],
  'sends NUL in a header': [
    (socket) => socket.write('HTTP/1.1 200 OK\r\nX-Note: a\0b\r\nContent-Length: 0\r\n\r\n'),
    INVALID,
    'HPE_INVALID',
  ],
  'sends an endless head': [
    (socket) => socket.write(`HTTP/1.1 200 OK\r\n${'X-Note: 0123456789abcdef\r\n'.repeat(1000)}`),
    "The headers of the upstream's response are too large.",
    'UND_ERR_HEADERS_OVERFLOW',
  ],
  'switches protocols without being asked to': [
    (socket) =>
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n'),
    CLOSED,
    'UND_ERR_SOCKET',
  ],
}

describe('the gateway', () => {
  it.each(Object.entries(BEFORE_RESPONSE))(
    'responds with 502 and sends the request once if the upstream %s',
    async (_name, [fail, detail, code]) => {
      const upstream = await rawUpstream(fail)
      const { url, failures } = await startTestGateway('', upstream.url)
      const { status, headers, text } = await send(url, '/predict', { body: 'hello' })
      expect([status, headers['content-type']]).toEqual([502, 'application/problem+json'])
      const requestId = headers['x-request-id']
      expect(JSON.parse(text)).toEqual({
        ...{ type: 'about:blank', title: 'Bad gateway', status: 502, detail },
        instance: `urn:uuid:${requestId}`,
      })
      expect(failures).toEqual([{ route: 'default', status: 502, code, detail, requestId }])
      expect(upstream.received.split('POST /predict')).toHaveLength(2)
    },
  )

  it('responds with 502 and does not reveal the address if the upstream is unreachable', async () => {
    const nowhere = await unusedAddress()
    const { url } = await startTestGateway('', nowhere)
    const { status, text } = await send(url, '/predict')
    expect([status, JSON.parse(text).detail]).toEqual([502, 'The upstream refused the connection.'])
    expect(text).not.toContain(new URL(nowhere).port)
  })

  it('responds with 502 if the upstream does not support TLS', async () => {
    const upstream = await rawUpstream((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    const { url } = await startTestGateway('', upstream.url.replace('http:', 'https:'))
    const { status, text } = await send(url, '/predict')
    expect([status, JSON.parse(text).detail]).toEqual([
      502,
      'A secure connection to the upstream could not be established.',
    ])
  })

  it('responds with 502 if the upstream fails during an upload, and serves the next request on the connection', async () => {
    const upstream = await rawUpstream((socket) => socket.resetAndDestroy())
    const { gateway } = await startTestGateway('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(message('POST / HTTP/1.1', ['Content-Length: 1000000'], 'x'.repeat(500_000)))
    await client.until('"status":502')
    client.send('x'.repeat(500_000) + message('POST / HTTP/1.1', ['Content-Length: 2'], 'hi'))
    await client.until('"status":502', 2)
  })

  it('forwards error responses from the upstream unchanged', async () => {
    const { url, failures } = await startTestGateway('', (_request, response) => {
      response.writeHead(503, { 'retry-after': '7', 'content-type': 'text/plain' })
      response.end('busy')
    })
    const { status, headers, text } = await send(url, '/predict')
    expect([status, headers['retry-after'], headers['content-type'], text]).toEqual([
      503,
      '7',
      'text/plain',
      'busy',
    ])
    expect(failures).toEqual([])
  })

  it('forwards an early response and discards the rest of the request', async () => {
    const upstream = await rawUpstream((socket, text) => {
      if (text.startsWith('POST'))
        socket.write('HTTP/1.1 401 Unauthorized\r\nContent-Length: 12\r\n\r\nwho are you?')
    })
    const { gateway } = await startTestGateway('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(message('POST / HTTP/1.1', ['Content-Length: 1000000'], 'x'.repeat(500_000)))
    await client.until('who are you?')
    client.send('x'.repeat(500_000) + message('POST / HTTP/1.1', ['Content-Length: 2'], 'hi'))
    await client.until('who are you?', 2)
    expect(upstream.received.split('POST')).toHaveLength(3)
  })
})

/** Failures of an upstream after the head and part of the body. */
const DURING_RESPONSE: Record<string, (socket: Socket) => void> = {
  'closes before the declared length is reached': (socket) =>
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'),
  'closes before the last chunk': (socket) =>
    socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'),
  'sends an invalid chunk': (socket) =>
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n'),
}

describe('an interrupted response', () => {
  it.each(Object.entries(DURING_RESPONSE))(
    'never appears complete if the upstream %s',
    async (_name, fail) => {
      const upstream = await rawUpstream(fail)
      const { gateway } = await startTestGateway('', upstream.url)
      const client = begin(gateway.address.port).end()
      const response = await responseTo(client)
      expect(response.statusCode).toBe(200)
      await expect(textOf(response)).rejects.toMatchObject({ code: 'ECONNRESET' })
      expect(response.complete).toBe(false)
    },
  )

  it('never appears complete if the upstream resets the connection', async () => {
    const upstream = await rawUpstream((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n')
    })
    const { gateway } = await startTestGateway('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(message('GET / HTTP/1.1'))
    await client.until('half')
    const socket = await upstream.arrivals.next()
    socket.resetAndDestroy()
    await client.closed
    expect(client.received).not.toContain('\r\n0\r\n')
  })

  it('is reset for an HTTP/1.0 client, because a normal close would end the body', async () => {
    const upstream = await rawUpstream((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n')
    })
    const { gateway } = await startTestGateway('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(message('GET / HTTP/1.0'))
    await client.until('half')
    const socket = await upstream.arrivals.next()
    socket.destroy()
    expect(await client.closed).toBe('ECONNRESET')
  })
})
