import { describe, expect, it } from 'vitest'
import { startTestGateway } from '../gateway/running-gateway.js'
import { message, rawClient } from './raw-client.js'
import { rawUpstream } from './upstream-under-test.js'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** A request hidden behind another, which an upstream with a different parser would process. */
const HIDDEN = 'GET /admin HTTP/1.1\r\nHost: localhost\r\n\r\n'

/** Requests with contradictory framing, or framing that servers parse differently. */
const AMBIGUOUS: Record<string, string> = {
  'two different lengths': message(
    'POST / HTTP/1.1',
    ['Content-Length: 5', 'Content-Length: 0'],
    `hello${HIDDEN}`,
  ),
  'a repeated length': message(
    'POST / HTTP/1.1',
    ['Content-Length: 5', 'Content-Length: 5'],
    `hello${HIDDEN}`,
  ),
  'a list of lengths': message('POST / HTTP/1.1', ['Content-Length: 5, 5'], `hello${HIDDEN}`),
  'a signed length': message('POST / HTTP/1.1', ['Content-Length: +5'], `hello${HIDDEN}`),
  'a negative length': message('POST / HTTP/1.1', ['Content-Length: -5'], HIDDEN),
  'a hexadecimal length': message('POST / HTTP/1.1', ['Content-Length: 0x5'], `hello${HIDDEN}`),
  'a length that overflows': message(
    'POST / HTTP/1.1',
    ['Content-Length: 184467440737095516165'],
    `hello${HIDDEN}`,
  ),
  'a length and chunks': message(
    'POST / HTTP/1.1',
    ['Content-Length: 5', 'Transfer-Encoding: chunked'],
    `0\r\n\r\n${HIDDEN}`,
  ),
  'chunks and a length': message(
    'POST / HTTP/1.1',
    ['Transfer-Encoding: chunked', 'Content-Length: 5'],
    `0\r\n\r\n${HIDDEN}`,
  ),
  'an unknown coding': message('POST / HTTP/1.1', ['Transfer-Encoding: xchunked'], HIDDEN),
  'chunks that are not the last coding': message(
    'POST / HTTP/1.1',
    ['Transfer-Encoding: chunked, identity'],
    `0\r\n\r\n${HIDDEN}`,
  ),
  'a space before the colon': message(
    'POST / HTTP/1.1',
    ['Transfer-Encoding : chunked'],
    `0\r\n\r\n${HIDDEN}`,
  ),
  'a vertical tab before a coding': message(
    'POST / HTTP/1.1',
    ['Transfer-Encoding: \x0bchunked'],
    `0\r\n\r\n${HIDDEN}`,
  ),
  'a header that continues on the next line': message(
    'POST / HTTP/1.1',
    ['X-Note: one', ' two', 'Content-Length: 5'],
    `hello${HIDDEN}`,
  ),
  'a coding that continues on the next line': message(
    'POST / HTTP/1.1',
    ['Transfer-Encoding:', ' chunked'],
    `0\r\n\r\n${HIDDEN}`,
  ),
  'NUL in a value': message('GET / HTTP/1.1', ['X-Note: a\0b'], HIDDEN),
  'NUL in a name': message('GET / HTTP/1.1', ['X-No\0te: a'], HIDDEN),
  'NUL in the target': message('GET /\0admin HTTP/1.1', [], HIDDEN),
  'a bare CR in a value': message('GET / HTTP/1.1', ['X-Note: a\rTransfer-Encoding: chunked'], HIDDEN),
  'a bare LF after a header': 'POST / HTTP/1.1\r\nHost: localhost\nContent-Length: 5\r\n\r\nhello',
  'no host': 'GET / HTTP/1.1\r\n\r\n',
  'a header without a name': message('GET / HTTP/1.1', [': value'], HIDDEN),
  'a line without a colon': message('GET / HTTP/1.1', ['Transfer-Encoding chunked'], HIDDEN),
  'an invalid version': message('GET / HTTP/1.10', [], HIDDEN),
  'bytes that are not HTTP': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
}

/** Chunked bodies that are malformed after a valid head. */
const BROKEN_CHUNKS: Record<string, string> = {
  'a length that is not a number': `zz\r\nhello\r\n0\r\n\r\n${HIDDEN}`,
  'a negative length': `-5\r\nhello\r\n0\r\n\r\n${HIDDEN}`,
  'a length with 0x': `0x5\r\nhello\r\n0\r\n\r\n${HIDDEN}`,
  'a length that overflows': `${'f'.repeat(20)}\r\nhello\r\n0\r\n\r\n${HIDDEN}`,
  'more bytes than the declared length': `3\r\nhello\r\n0\r\n\r\n${HIDDEN}`,
  'a bare LF after the length': `5\nhello\r\n0\r\n\r\n${HIDDEN}`,
  'a bare LF after the bytes': `5\r\nhello\n0\r\n\r\n${HIDDEN}`,
  'a length after the last chunk': `5\r\nhello\r\n0\r\nContent-Length: 7\r\n\r\n${HIDDEN}`,
  'a bare CR in an extension': `5;a\rb\r\nhello\r\n0\r\n\r\n${HIDDEN}`,
}

/**
 * Sends bytes while an upstream connection is idle.
 *
 * @returns the bytes that reached the upstream, and the response to the client
 */
async function attempt(bytes: string): Promise<{ forwarded: string; received: string }> {
  const upstream = await rawUpstream((socket, text) => {
    if (text.startsWith('GET /valid')) socket.write(OK)
  })
  const { gateway } = await startTestGateway('', upstream.url)
  const { port } = gateway.address
  const sendValid = async () => {
    const client = await rawClient(port)
    client.send(message('GET /valid HTTP/1.1', ['Connection: close']))
    await client.closed
    expect(client.received).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nok$/)
  }
  await sendValid()
  const before = withoutId(upstream.received)
  const client = await rawClient(port)
  client.send(bytes)
  await client.closed
  // Forwarded bytes would arrive before the next request.
  await sendValid()
  const all = withoutId(upstream.received)
  const next = all.lastIndexOf('GET /valid')
  expect(all.slice(next)).toBe(before)
  return { forwarded: all.slice(before.length, next), received: client.received }
}

/** Removes the header that differs between equal requests. */
function withoutId(requests: string): string {
  return requests.replaceAll(/^X-Request-Id: [0-9a-f-]{36}\r\n/gm, '')
}

describe('a request with ambiguous framing', () => {
  it.each(Object.entries(AMBIGUOUS))(
    'is rejected with 400 before it reaches the upstream: %s',
    async (_name, bytes) => {
      const { forwarded, received } = await attempt(bytes)
      expect(received).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
      expect(received.split('HTTP/1.1')).toHaveLength(2)
      expect(forwarded).toBe('')
    },
  )

  it.each(Object.entries(BROKEN_CHUNKS))(
    'is rejected with 400 and not completed upstream if its chunks have %s',
    async (_name, body) => {
      const { forwarded, received } = await attempt(
        message('POST /bad HTTP/1.1', ['Transfer-Encoding: chunked'], body),
      )
      expect(received).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
      expect(forwarded).not.toMatch(/\r\n0\r\n|admin/)
    },
  )

  it.each(Object.entries(BROKEN_CHUNKS))(
    'is rejected with 400 before it reaches the upstream if chunks that a rule reads have %s',
    async (_name, body) => {
      const upstream = await rawUpstream()
      const { gateway } = await startTestGateway(
        "routes: [{ match: POST /, limits: [{ limit: 100/minute, cost: 'size(body.inputs)' }] }]",
        upstream.url,
      )
      const client = await rawClient(gateway.address.port)
      client.send(message('POST / HTTP/1.1', ['Transfer-Encoding: chunked'], body))
      await client.closed
      expect(client.received).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
      expect(upstream.received).toBe('')
    },
  )
})
