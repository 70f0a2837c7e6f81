import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startTestGateway } from '../gateway/running-gateway.js'
import { message, rawClient } from './raw-client.js'
import { httpUpstream, rawUpstream } from './upstream-under-test.js'

/** Sends bytes that must not reach the upstream, and returns the response. */
async function sendRejected(bytes: string): Promise<string> {
  const upstream = await rawUpstream()
  const { gateway } = await startTestGateway('', upstream.url)
  const client = await rawClient(gateway.address.port)
  client.send(bytes)
  await client.closed
  expect(upstream.received).toBe('')
  expect(client.received.match(/HTTP\/1\.1 /g)).toHaveLength(1)
  return client.received
}

describe('the gateway', () => {
  it.each([
    ['two hosts', 'GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n'],
    ['the same host twice', 'GET / HTTP/1.1\r\nHost: localhost\r\nhost: localhost\r\n\r\n'],
    ['two hosts in HTTP/1.0', 'GET / HTTP/1.0\r\nHost: localhost\r\nHOST: evil.example\r\n\r\n'],
    ['an empty host and another host', 'GET / HTTP/1.1\r\nHost:\r\nHost: localhost\r\n\r\n'],
    ['two hosts and an absolute target', 'GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
    ['no host', 'GET / HTTP/1.1\r\n\r\n'],
    ['a list of hosts', 'GET / HTTP/1.1\r\nHost: localhost, evil.example\r\n\r\n'],
    ['a path after its host', 'GET / HTTP/1.1\r\nHost: localhost/evil\r\n\r\n'],
    ['a user before its host', 'GET / HTTP/1.1\r\nHost: user@localhost\r\n\r\n'],
  ])('responds with 400 to a request with %s', async (_name, bytes) => {
    expect(await sendRejected(bytes)).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
  })

  it.each([
    'gzip, chunked',
    'deflate,chunked',
    'GZIP , Chunked',
    'compress, gzip, chunked',
    'x-made-up, chunked',
    'identity, chunked',
    'gzip;q=1, chunked',
  ])('responds with 501 and an explanation to Transfer-Encoding: %s', async (coding) => {
    const received = await sendRejected(
      message('POST / HTTP/1.1', [`Transfer-Encoding: ${coding}`], '5\r\nhello\r\n0\r\n\r\n'),
    )
    expect(received).toMatch(/^HTTP\/1\.1 501 Not Implemented\r\n/)
    expect(received).toContain("'chunked' is the only supported transfer coding")
    expect(received).toMatch(/\r\nConnection: close\r\n/i)
  })

  it('responds with 501 to codings in two Transfer-Encoding headers', async () => {
    const codings = ['Transfer-Encoding: gzip', 'Transfer-Encoding: chunked']
    expect(await sendRejected(message('POST / HTTP/1.1', codings, '0\r\n\r\n'))).toMatch(/^HTTP\/1\.1 501 /)
  })

  it.each([
    ['chunks within chunks', ['Transfer-Encoding: chunked, chunked']],
    ['chunks twice', ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked']],
    ['another coding around chunks', ['Transfer-Encoding: chunked', 'Transfer-Encoding: gzip']],
    ['another coding alone', ['Transfer-Encoding: gzip']],
  ])('responds with 400 to a request with %s', async (_name, headers) => {
    const received = await sendRejected(message('POST / HTTP/1.1', headers, '0\r\n\r\n'))
    expect(received).toMatch(/^HTTP\/1\.1 400 /)
  })

  it('responds with 400 to chunks in HTTP/1.0', async () => {
    const bytes = message('POST / HTTP/1.0', ['Transfer-Encoding: chunked'], '0\r\n\r\n')
    expect(await sendRejected(bytes)).toMatch(/ 400 /)
  })

  it.each(['Chunked', ' chunked ', 'chunked,', ', chunked'])(
    'either accepts or rejects Transfer-Encoding: %j, and never misreads it',
    async (coding) => {
      const upstream = await httpUpstream((_request, response) => response.end('ok'))
      const { gateway } = await startTestGateway('', upstream.url)
      const client = await rawClient(gateway.address.port)
      client.send(message('POST / HTTP/1.1', [`Transfer-Encoding: ${coding}`], '2\r\nhi\r\n0\r\n\r\n'))
      await client.until('HTTP/1.1 ')
      expect(client.received).toMatch(/^HTTP\/1\.1 (200|400) /)
    },
  )
})

describe('requests with many headers', () => {
  const many = (count: number) => Array.from({ length: count }, (_, index) => `a${index % 10}:`)

  it('are read up to the last header', async () => {
    const upstream = await httpUpstream((_request, response) => response.end('ok'))
    const { gateway } = await startTestGateway(
      'identity: { trusted_proxies: [127.0.0.1] }\nroutes: [{ match: POST /, limits: [{ limit: 1/hour, by: ip }] }]',
      upstream.url,
    )
    const post = async (address: string, count: number) => {
      const client = await rawClient(gateway.address.port)
      const after = [
        `X-Forwarded-For: ${address}`,
        'X-Original-URL: /evil',
        'Content-Length: 2',
        'Connection: close',
      ]
      client.send(message('POST / HTTP/1.1', [...many(count), ...after], 'hi'))
      await client.closed
      return / (\d+) /.exec(client.received)?.[1]
    }
    expect(await post('203.0.113.7', 890)).toBe('200')
    const { request } = await upstream.arrivals.next()
    expect(request.headers).toMatchObject({
      'content-length': '2',
      'x-forwarded-for': '203.0.113.7, 127.0.0.1',
    })
    expect(request.headers).not.toHaveProperty('x-original-url')
    // Each address has its own limit, so the header was read.
    expect(await post('203.0.113.8', 890)).toBe('200')
    expect(await post('203.0.113.7', 890)).toBe('429')
    for (const count of [900, 1000, 1995, 1999, 3000]) expect(await post('203.0.113.9', count)).toBe('431')
  })

  it('leave room for added headers at a server that reads at most 1,000', async () => {
    const server = createServer((request, response) => response.end(JSON.stringify(request.headers)))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const { gateway } = await startTestGateway(
      'identity: { trusted_proxies: [127.0.0.1], proxy_headers: { client: X-Id }, forward: { client: X-Client } }',
      `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    )
    const own = ['Connection: close', 'X-Id: acme', 'Content-Length: 0', 'X-Forwarded-For: 203.0.113.7']
    const client = await rawClient(gateway.address.port)
    client.send(message('POST / HTTP/1.1', [...own, ...many(895)]))
    await client.closed
    const seen = JSON.parse(client.received.slice(client.received.indexOf('{')))
    expect(seen).toMatchObject({
      'x-client': 'acme',
      'x-forwarded-for': '203.0.113.7, 127.0.0.1',
      'content-length': '0',
      via: expect.stringMatching(/sluice/),
    })
  })

  it('are rejected with 431 if the headers are too large in total', async () => {
    const long = Array.from({ length: 900 }, (_, index) => `x-header-with-a-long-name-${index}: 1`)
    expect(await sendRejected(message('GET / HTTP/1.1', long))).toMatch(/^HTTP\/1\.1 431 /)
  })

  it('are limited, but responses with many headers are not', async () => {
    const upstream = await rawUpstream((socket) =>
      socket.write(
        `HTTP/1.1 200 OK\r\n${many(3000).join('\r\n')}\r\nX-Last: 1\r\nContent-Length: 2\r\n\r\nok`,
      ),
    )
    const { gateway } = await startTestGateway('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(message('GET / HTTP/1.1'))
    await client.until('\r\n\r\nok')
    expect(client.received).toContain('\r\nX-Last: 1\r\n')
    expect(client.received.match(/\r\na\d:/g)).toHaveLength(3000)
  })

  it('are read completely by the admin port, including credentials', async () => {
    const token = 'a'.repeat(43)
    const hash = createHash('sha256').update(token).digest('hex')
    const { adminUrl } = await startTestGateway('', undefined, `{ listen: ':0', token_sha256: ${hash} }`)
    const statusWith = async (headers: readonly string[]) => {
      const client = await rawClient(Number(new URL(adminUrl).port))
      client.send(message('GET /metrics.json HTTP/1.1', [...headers, 'Connection: close']))
      await client.closed
      return / (\d+) /.exec(client.received)?.[1]
    }
    expect(await statusWith(many(3000))).toBe('401')
    expect(await statusWith([...many(3000), `Authorization: Bearer ${token}`])).toBe('200')
  })
})
