import type { Random } from './random.js'

/** A valid request, independent of its framing. */
export interface Target {
  readonly method: string
  readonly path: string
  /** Header lines in addition to those of the framing, such as `Authorization: Bearer …`. */
  readonly headers?: readonly string[]
  /** Default: no body. */
  readonly body?: string
}

interface RawRequest {
  /** The request, one byte per character. */
  readonly text: string
  /** True if a server must respond and then read the next request. */
  readonly isComplete: boolean
}

/** Header lines and encoded body of a framing. */
interface Framed {
  readonly head: readonly string[]
  readonly body: string
  readonly isComplete: boolean
}

/** Writes a request in a valid or invalid framing of HTTP/1. */
export function randomRequest(random: Random, target: Target): RawRequest {
  const { method, path, headers = [] } = target
  const { head, body, isComplete } = frameBody(random, target.body ?? '')
  const version = random.chance(0.05)
    ? random.pick(['HTTP/1.0', 'HTTP/1.2', 'HTTP/2.0', 'http/1.1', ''])
    : 'HTTP/1.1'
  const host = random.chance(0.05)
    ? random.pick([[], ['Host: a', 'Host: b'], ['Host:'], ['Host: \u0000']])
    : ['Host: localhost']
  const line = `${random.chance(0.03) ? random.pick(ODD_METHODS) : method} ${oddPath(random, path)} ${version}`
  const lines = [...host, ...headers, ...head, ...(random.chance(0.1) ? [oddHeader(random)] : [])]
  const lineEnd = random.chance(0.02) ? '\n' : '\r\n'
  const isPlain = version === 'HTTP/1.1' && host.length === 1 && host[0] === 'Host: localhost'
  return {
    text: [line, ...lines, '', ''].join(lineEnd) + body,
    isComplete:
      isComplete &&
      isPlain &&
      lineEnd === '\r\n' &&
      lines.length === host.length + headers.length + head.length,
  }
}

const ODD_METHODS = ['HEAD', 'OPTIONS', 'TRACE', 'CONNECT', 'PURGE', 'get', 'A'.repeat(300), 'PO ST']

function oddPath(random: Random, path: string): string {
  if (!random.chance(0.06)) return path
  return random.pick([
    `http://localhost${path}`,
    `${path}?${'a=1&'.repeat(random.below(200))}`,
    `/${path}//..%2f%00`,
    '*',
    'localhost:80',
    `/${'x'.repeat(20_000)}`,
    `${path}\u00ff`,
  ])
}

function oddHeader(random: Random): string {
  return random.pick([
    'Connection: close',
    'Connection: keep-alive',
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13',
    'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA',
    'Expect: 100-continue',
    'Expect: something else',
    'X-Forwarded-For: 203.0.113.9, , nonsense',
    `X-Long: ${'x'.repeat(random.pick([1_000, 9_000, 20_000]))}`,
    Array.from({ length: 300 }, (_, index) => `X-${index}: ${index}`).join('\r\n'),
    'X-Odd: \u0000\u0007\u00ff',
    ': no name',
    ' folded',
    'X-Empty:',
    'Transfer-Encoding : chunked',
  ])
}

function frameBody(random: Random, body: string): Framed {
  if (body === '' && random.chance(0.8)) return { head: [], body: '', isComplete: true }
  const type = body === '' ? [] : ['Content-Type: application/json']
  const length = (bytes: number) => [...type, `Content-Length: ${bytes}`]
  const chunked = [...type, 'Transfer-Encoding: chunked']
  switch (random.below(12)) {
    case 0:
    case 1:
    case 2:
      return { head: length(body.length), body, isComplete: true }
    case 3:
    case 4:
      return { head: chunked, body: `${chunks(random, body)}0\r\n\r\n`, isComplete: true }
    case 5: // Extensions and a trailer.
      return {
        head: [...chunked, 'Trailer: X-End'],
        body: `${chunks(random, body, ';name="value"')}0;last\r\nX-End: 1\r\n\r\n`,
        isComplete: true,
      }
    case 6: // A body that never ends.
      return { head: chunked, body: chunks(random, body), isComplete: false }
    case 7: // A body shorter than its Content-Length.
      return { head: length(body.length + 1 + random.below(1000)), body, isComplete: false }
    case 8: // A body longer than its Content-Length.
      return { head: length(Math.floor(body.length / 2)), body, isComplete: false }
    case 9: // Two contradicting framings.
      return {
        head: [...length(body.length), 'Transfer-Encoding: chunked'],
        body: `${chunks(random, body)}0\r\n\r\n`,
        isComplete: false,
      }
    case 10:
      return {
        head: [
          ...type,
          random.pick([
            `Content-Length: ${body.length}\r\nContent-Length: ${body.length + 1}`,
            'Content-Length: -1',
            'Content-Length: 99999999999999999999',
            'Content-Length: 0x10',
            'Transfer-Encoding: gzip, chunked',
            'Transfer-Encoding: identity',
          ]),
        ],
        body,
        isComplete: false,
      }
    default: // Invalid chunks.
      return {
        head: chunked,
        body: random.pick([
          'zz\r\n',
          '-1\r\n\r\n',
          'ffffffffffffffff\r\n',
          '5\r\nabc',
          '1\r\nabc\r\n',
          '\r\n\r\n',
        ]),
        isComplete: false,
      }
  }
}

function chunks(random: Random, body: string, extension = ''): string {
  const size = random.pick([1, 1, 3, 17, Math.max(1, body.length)])
  let text = ''
  for (let at = 0; at < body.length; at += size) {
    const chunk = body.slice(at, at + size)
    text += `${chunk.length.toString(16)}${extension}\r\n${chunk}\r\n`
  }
  return text
}

/** Returns bytes that are not an HTTP/1 request. */
export function garbage(random: Random): string {
  return random.pick([
    '',
    '\r\n\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    // The beginning of a TLS handshake.
    '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003',
    'GET',
    'GET / HTTP/1.1\r\nHost: localhost\r\n',
    'x'.repeat(random.below(100_000)),
    Array.from({ length: random.below(500) }, () => String.fromCharCode(random.below(256))).join(''),
  ])
}
