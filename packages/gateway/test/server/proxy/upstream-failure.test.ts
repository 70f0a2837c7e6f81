import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { running, send } from '../gateway/running-gateway.js'
import { answerTo, begin } from './http-client.js'
import { message, rawClient } from './raw-client.js'
import { nobodyThere, rawUpstream, textOf } from './upstream-under-test.js'

const CLOSED = 'The upstream closed the connection before it responded.'
const INVALID = "The upstream's response is not valid HTTP."

/** What an upstream does instead of answering, and what its client is told. */
const BEFORE_THE_ANSWER: Record<string, [instead: (socket: Socket) => void, detail: string, code: string]> = {
  'closes the connection': [(socket) => socket.end(), CLOSED, 'UND_ERR_SOCKET'],
  'resets the connection': [(socket) => socket.resetAndDestroy(), CLOSED, 'ECONNRESET'],
  'closes it within a head': [
    (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-'),
    CLOSED,
    'UND_ERR_SOCKET',
  ],
  'answers what is no HTTP': [(socket) => socket.write('220 smtp.example ESMTP\r\n'), INVALID, 'HPE_INVALID'],
  'answers a status that is none': [
    (socket) => socket.write('HTTP/1.1 2x0 OK\r\n\r\n'),
    INVALID,
    'HPE_INVALID',
  ],
  'answers a length that is none': [
    (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n'),
    INVALID,
    'HPE_INVALID',
  ],
  'answers two lengths': [
    (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok'),
    INVALID,
    'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  ],
  'answers a length and chunks': [
    (socket) =>
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
    INVALID,
    'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  ],
  'answers chunks and a length': [
    (socket) =>
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n'),
    INVALID,
    'HPE_INVALID',
  ],
  'answers NUL in a header': [
    (socket) => socket.write('HTTP/1.1 200 OK\r\nX-Note: a\0b\r\nContent-Length: 0\r\n\r\n'),
    INVALID,
    'HPE_INVALID',
  ],
  'answers a head without end': [
    (socket) => socket.write(`HTTP/1.1 200 OK\r\n${'X-Note: 0123456789abcdef\r\n'.repeat(1000)}`),
    "The headers of the upstream's response are too large.",
    'UND_ERR_HEADERS_OVERFLOW',
  ],
  'switches protocols that nobody asked for': [
    (socket) =>
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n'),
    CLOSED,
    'UND_ERR_SOCKET',
  ],
}

describe('an upstream that', () => {
  it.each(Object.entries(BEFORE_THE_ANSWER))(
    '%s is told as 502, and is asked once',
    async (_name, [instead, detail, code]) => {
      const upstream = await rawUpstream(instead)
      const { url, failures } = await running('', upstream.url)
      const { status, headers, text } = await send(url, '/predict', { body: 'hello' })
      expect([status, headers['content-type']]).toEqual([502, 'application/problem+json'])
      expect(JSON.parse(text)).toEqual({ type: 'about:blank', title: 'Bad gateway', status: 502, detail })
      expect(failures).toEqual([{ route: 'default', status: 502, code, detail }])
      expect(upstream.received.split('POST /predict')).toHaveLength(2)
    },
  )

  it('is not there is told as 502, and no address of it', async () => {
    const nowhere = await nobodyThere()
    const { url } = await running('', nowhere)
    const { status, text } = await send(url, '/predict')
    expect([status, JSON.parse(text).detail]).toEqual([502, 'The upstream refused the connection.'])
    expect(text).not.toContain(new URL(nowhere).port)
  })

  it('speaks no TLS where that is wanted is told as 502', async () => {
    const upstream = await rawUpstream((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    const { url } = await running('', upstream.url.replace('http:', 'https:'))
    const { status, text } = await send(url, '/predict')
    expect([status, JSON.parse(text).detail]).toEqual([
      502,
      'A secure connection to the upstream could not be established.',
    ])
  })

  it('fails while a body is sent is told as 502, and the connection serves the next request', async () => {
    const upstream = await rawUpstream((socket) => socket.resetAndDestroy())
    const { gateway } = await running('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(message('POST / HTTP/1.1', ['Content-Length: 1000000'], 'x'.repeat(500_000)))
    await client.until('"status":502')
    client.send('x'.repeat(500_000) + message('POST / HTTP/1.1', ['Content-Length: 2'], 'hi'))
    await client.until('"status":502', 2)
  })

  it('answers with a failure of its own is passed on as it is', async () => {
    const { url, failures } = await running('', (_request, response) => {
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

  it('answers before the whole request is sent is passed on, and the rest of the request thrown away', async () => {
    const upstream = await rawUpstream((socket, text) => {
      if (text.startsWith('POST'))
        socket.write('HTTP/1.1 401 Unauthorized\r\nContent-Length: 12\r\n\r\nwho are you?')
    })
    const { gateway } = await running('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(message('POST / HTTP/1.1', ['Content-Length: 1000000'], 'x'.repeat(500_000)))
    await client.until('who are you?')
    client.send('x'.repeat(500_000) + message('POST / HTTP/1.1', ['Content-Length: 2'], 'hi'))
    await client.until('who are you?', 2)
    expect(upstream.received.split('POST')).toHaveLength(3)
  })
})

/** How an answer breaks after its head and some of its body. */
const MID_ANSWER: Record<string, (socket: Socket) => void> = {
  'closes before the length is reached': (socket) =>
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'),
  'closes before the last chunk': (socket) =>
    socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'),
  'sends a chunk that is none': (socket) =>
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n'),
}

describe('an answer that breaks in its middle', () => {
  it.each(Object.entries(MID_ANSWER))(
    'as the upstream %s is never taken for whole',
    async (_name, breaks) => {
      const upstream = await rawUpstream(breaks)
      const { gateway } = await running('', upstream.url)
      const client = begin(gateway.address.port).end()
      const answer = await answerTo(client)
      expect(answer.statusCode).toBe(200)
      await expect(textOf(answer)).rejects.toMatchObject({ code: 'ECONNRESET' })
      expect(answer.complete).toBe(false)
    },
  )

  it('as the upstream resets the connection is never taken for whole', async () => {
    const upstream = await rawUpstream((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n')
    })
    const { gateway } = await running('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(message('GET / HTTP/1.1'))
    await client.until('half')
    const socket = await upstream.asked.next()
    socket.resetAndDestroy()
    await client.closed
    expect(client.received).not.toContain('\r\n0\r\n')
  })

  it('resets a client of HTTP/1.0, to which a close is the end', async () => {
    const upstream = await rawUpstream((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n')
    })
    const { gateway } = await running('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(message('GET / HTTP/1.0'))
    await client.until('half')
    const socket = await upstream.asked.next()
    socket.destroy()
    expect(await client.closed).toBe('ECONNRESET')
  })
})
