import { describe, expect, it } from 'vitest'
import { startTestGateway } from '../gateway/running-gateway.js'
import { message, rawClient } from './raw-client.js'
import { httpUpstream, rawUpstream } from './upstream-under-test.js'

/** Forwards a response from the upstream to a client that sends Connection: close. */
async function forwardResponse(
  requestLine: string,
  response: string,
): Promise<{ head: string[]; body: string }> {
  const upstream = await rawUpstream((socket) => socket.write(response))
  const { gateway } = await startTestGateway('', upstream.url)
  const client = await rawClient(gateway.address.port)
  client.send(message(requestLine, ['Connection: close']))
  expect(await client.closed).toBe('')
  const end = client.received.indexOf('\r\n\r\n')
  const headers = client.received.slice(0, end).split('\r\n')
  const [method, target] = requestLine.split(' ')
  expect(upstream.received).toMatch(new RegExp(`^${method} ${target} HTTP/1.1\r\n`))
  return {
    head: headers.filter((header) => !/^(Date|Connection|x-request-id):/.test(header)),
    body: client.received.slice(end + 4),
  }
}

describe('a response without a body', () => {
  it('to HEAD keeps the Content-Length of the corresponding GET', async () => {
    expect(
      await forwardResponse('HEAD / HTTP/1.1', 'HTTP/1.1 200 OK\r\nContent-Length: 12\r\nETag: "a"\r\n\r\n'),
    ).toEqual({
      head: ['HTTP/1.1 200 OK', 'Content-Length: 12', 'ETag: "a"'],
      body: '',
    })
  })

  it('to HEAD has no body even if the upstream sends one', async () => {
    const { head, body } = await forwardResponse(
      'HEAD / HTTP/1.1',
      'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil',
    )
    expect([head, body]).toEqual([['HTTP/1.1 200 OK', 'Content-Length: 4'], ''])
  })

  it('with status 204 has no Content-Length', async () => {
    expect(await forwardResponse('GET / HTTP/1.1', 'HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n')).toEqual({
      head: ['HTTP/1.1 204 No Content', 'X-A: 1'],
      body: '',
    })
    expect(
      await forwardResponse('DELETE / HTTP/1.1', 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n'),
    ).toEqual({
      head: ['HTTP/1.1 204 No Content'],
      body: '',
    })
  })

  it('with status 304 keeps the Content-Length of the corresponding 200', async () => {
    expect(
      await forwardResponse(
        'GET / HTTP/1.1',
        'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 12\r\n\r\n',
      ),
    ).toEqual({ head: ['HTTP/1.1 304 Not Modified', 'ETag: "a"', 'Content-Length: 12'], body: '' })
  })

  it('leaves the connection open for the next request', async () => {
    const upstream = await httpUpstream((request, response) => {
      response.statusCode = Number(request.url?.slice(1))
      response.end(response.statusCode === 200 ? 'ok' : undefined)
    })
    const { gateway } = await startTestGateway('', upstream.url)
    const client = await rawClient(gateway.address.port)
    const lines = ['HEAD /200', 'GET /204', 'GET /304', 'OPTIONS /204', 'GET /200']
    for (const [index, line] of lines.entries()) {
      client.send(message(`${line} HTTP/1.1`))
      const arrival = await upstream.arrivals.next()
      expect(`${arrival.request.method} ${arrival.request.url}`).toBe(line)
      await client.until('\r\n\r\n', index + 1)
    }
    await client.until('\r\n\r\nok')
    expect(client.received.match(/HTTP\/1\.1 \d+/g)).toEqual(
      ['200', '204', '304', '204', '200'].map((status) => `HTTP/1.1 ${status}`),
    )
  })
})

describe('a response with a body', () => {
  it('is forwarded with any status, including redirects', async () => {
    for (const status of ['299', '302', '401', '418', '500', '599']) {
      const { head, body } = await forwardResponse(
        'GET / HTTP/1.1',
        `HTTP/1.1 ${status} Of Its Own\r\nLocation: /b\r\nWWW-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nok`,
      )
      expect(head[0]).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
      expect(head.slice(1)).toEqual(['Location: /b', 'WWW-Authenticate: Basic', 'Content-Length: 2'])
      expect(body).toBe('ok')
    }
  })

  it('is complete if it ends with its connection', async () => {
    const upstream = await rawUpstream((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nall of it'))
    const { gateway } = await startTestGateway('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(message('GET / HTTP/1.1', ['Connection: close']))
    expect(await client.closed).toBe('')
    expect(client.received).toMatch(/\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nall of it\r\n0\r\n\r\n$/)
  })

  it('is forwarded without decompression', async () => {
    const { head, body } = await forwardResponse(
      'GET / HTTP/1.1',
      'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00',
    )
    expect(head).toEqual(['HTTP/1.1 200 OK', 'Content-Encoding: gzip', 'Content-Length: 4'])
    expect(body.length).toBeGreaterThan(0)
  })
})

describe('request methods', () => {
  it('are forwarded unless they open a tunnel', async () => {
    for (const method of ['OPTIONS', 'TRACE', 'PATCH', 'PURGE', 'QUERY']) {
      const { body } = await forwardResponse(
        `${method} /a HTTP/1.1`,
        'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
      )
      expect([method, body]).toEqual([method, 'ok'])
    }
  })

  it('are rejected if they open a tunnel', async () => {
    const upstream = await rawUpstream()
    const { gateway } = await startTestGateway('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send('CONNECT 10.0.0.1:443 HTTP/1.1\r\nHost: 10.0.0.1:443\r\n\r\n')
    await client.closed
    expect(client.received).toMatch(/^HTTP\/1\.1 501 Not Implemented\r\n/)
    expect(client.received).toContain('This gateway does not open tunnels')
    expect(upstream.received).toBe('')
  })

  it('are not forwarded for OPTIONS *, which the gateway handles itself', async () => {
    const upstream = await rawUpstream()
    const { gateway } = await startTestGateway('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send('OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    await client.closed
    expect(client.received).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(upstream.received).toBe('')
  })
})
