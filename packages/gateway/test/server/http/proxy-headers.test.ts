import { describe, expect, it } from 'vitest'
import { startTestGateway } from '../gateway/running-gateway.js'
import { message, rawClient } from '../proxy/raw-client.js'
import { httpUpstream, rawUpstream } from '../proxy/upstream-under-test.js'

/** Hop-by-hop headers, and headers that the Connection header lists. */
const HOP_BY_HOP = [
  'Connection: keep-alive, X-Named, x_also_named',
  'connection: X-Named-Later',
  'Keep-Alive: timeout=5',
  'TE: trailers',
  'Trailer: X-Sum',
  'Proxy-Connection: keep-alive',
  'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA',
  'X-Named: 1',
  'X-Also-Named: 2',
  'X-Named-Later: 3',
  'X_Named: 4',
]

describe('request headers', () => {
  it('reach the upstream except for hop-by-hop headers', async () => {
    const upstream = await httpUpstream((_request, response) => response.end())
    const { gateway } = await startTestGateway('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(
      message('GET / HTTP/1.1', [
        ...HOP_BY_HOP,
        'Proxy-Authorization: Basic c2VjcmV0',
        'Proxy: http://evil.example',
        'Accept: a',
        'accept: b',
        'X-Case: Kept',
        'Cookie: a=1',
        'Authorization: Bearer of-the-upstream',
      ]),
    )
    await client.until('200 OK')
    const { request } = await upstream.arrivals.next()
    const { host, connection, ...headers } = request.headers
    expect(host).toBe(new URL(upstream.url).host)
    // This header belongs to the gateway's own connection.
    expect(connection).toBe('keep-alive')
    expect(headers).toEqual({
      accept: 'a, b',
      authorization: 'Bearer of-the-upstream',
      cookie: 'a=1',
      forwarded: 'for=127.0.0.1;host=localhost;proto=http',
      via: expect.stringMatching(/^1\.1 sluice-[0-9a-f]{16}$/),
      'x-case': 'Kept',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': 'localhost',
      'x-forwarded-proto': 'http',
      'x-real-ip': '127.0.0.1',
      'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
    })
    // Names keep their case, and repeated headers are not joined.
    const { rawHeaders } = request
    const at = rawHeaders.indexOf('Accept')
    expect(rawHeaders.slice(at, at + 6)).toEqual(['Accept', 'a', 'accept', 'b', 'X-Case', 'Kept'])
  })

  it('about the body can be neither removed by Connection nor contradicted in another spelling', async () => {
    const upstream = await httpUpstream((_request, response) => response.end())
    const { gateway } = await startTestGateway('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(
      message(
        'POST / HTTP/1.1',
        [
          'Connection: content-type, Content_Encoding, content-language',
          'Content-Type: application/json',
          'Content_Type: text/plain',
          'Content.Type: text/html',
          'Content_Encoding: gzip',
          'Content_Length: 900',
          'Transfer_Encoding: chunked',
          'Content-Length: 2',
        ],
        '{}',
      ),
    )
    await client.until('200 OK')
    const { request } = await upstream.arrivals.next()
    const sent = request.rawHeaders.filter((_, index) => index % 2 === 0)
    expect(sent.filter((name) => /^content|transfer/i.test(name)).sort()).toEqual([
      'Content-Type',
      'content-length',
    ])
    expect(request.headers['content-type']).toBe('application/json')
  })

  it('that the gateway adds are kept even if Connection lists them', async () => {
    const upstream = await httpUpstream((_request, response) => response.end())
    const { gateway } = await startTestGateway('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(
      message(
        'POST / HTTP/1.1',
        ['Connection: X-Forwarded-For, Forwarded, Host, Content-Length', 'Content-Length: 2'],
        'hi',
      ),
    )
    await client.until('200 OK')
    const { request } = await upstream.arrivals.next()
    expect(request.headers).toMatchObject({
      host: new URL(upstream.url).host,
      'content-length': '2',
      'x-forwarded-for': '127.0.0.1',
    })
  })
})

describe('response headers', () => {
  it('reach the client except for hop-by-hop headers', async () => {
    const upstream = await rawUpstream((socket) => {
      socket.write(
        [
          'HTTP/1.1 200 Fine',
          ...HOP_BY_HOP,
          'Proxy-Authenticate: Basic',
          'Set-Cookie: a=1',
          'Set-Cookie: b=2',
          'X-Case: Kept',
          'Date: Thu, 01 Jan 1970 00:00:00 GMT',
          'Server: model',
          'Content-Length: 2',
          '',
          'ok',
        ].join('\r\n'),
      )
    })
    const { gateway } = await startTestGateway('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(message('GET / HTTP/1.1', ['Connection: close']))
    await client.closed
    const [head, body] = client.received.split('\r\n\r\n')
    expect(body).toBe('ok')
    expect(head?.split('\r\n')).toEqual([
      'HTTP/1.1 200 OK',
      'Set-Cookie: a=1',
      'Set-Cookie: b=2',
      'X-Case: Kept',
      'Date: Thu, 01 Jan 1970 00:00:00 GMT',
      'Server: model',
      'Content-Length: 2',
      expect.stringMatching(/^x-request-id: [0-9a-f-]{36}$/),
      'Connection: close',
    ])
  })

  it('report the limits of the gateway, not those of the upstream', async () => {
    const { url } = await startTestGateway(
      'routes: [{ match: GET /, limits: [5/minute] }]',
      (_request, response) => {
        response.setHeader('RateLimit', '"upstream";r=999')
        response.end()
      },
    )
    const { headers } = await fetch(url)
    expect(headers.get('ratelimit')).toMatch(/;r=4;/)
    expect(headers.get('ratelimit')).not.toContain('upstream')
  })
})
