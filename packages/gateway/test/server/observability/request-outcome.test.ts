import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { ResponseObserver } from '../../../src/server/http/response-observer.js'
import { gatewayTo } from '../proxy/gateway-under-test.js'
import { begin, responseTo } from '../proxy/http-client.js'
import { message, rawClient } from '../proxy/raw-client.js'
import { httpUpstream, rawUpstream, textOf, unusedAddress } from '../proxy/upstream-under-test.js'

describe('the result of forwarding a request', () => {
  it('is the status once the client has received the response', async () => {
    const upstream = await httpUpstream((_request, response) => response.writeHead(404).end('none'))
    const gateway = await gatewayTo(upstream.url)
    const response = await responseTo(begin(gateway.port).end())
    expect(await textOf(response)).toBe('none')
    expect(await gateway.outcome()).toEqual({ kind: 'answered', status: 404 })
  })

  it('is a failure if the upstream does not respond', async () => {
    const gateway = await gatewayTo(await unusedAddress())
    expect((await responseTo(begin(gateway.port).end())).statusCode).toBe(502)
    expect(await gateway.outcome()).toEqual({
      kind: 'failed',
      status: 502,
      code: 'ECONNREFUSED',
      detail: 'The upstream refused the connection.',
    })
  })

  it('is an interruption by the upstream if it disconnects within its response', async () => {
    const upstream = await rawUpstream((socket) =>
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'),
    )
    const gateway = await gatewayTo(upstream.url)
    begin(gateway.port).end()
    expect(await gateway.outcome()).toEqual({ kind: 'interrupted', by: 'upstream', started: true })
  })

  it('is an interruption by the client if it disconnects before or during the response', async () => {
    const upstream = await httpUpstream()
    const gateway = await gatewayTo(upstream.url)
    const early = begin(gateway.port).end()
    await upstream.arrivals.next()
    early.destroy()
    expect(await gateway.outcome()).toEqual({ kind: 'interrupted', by: 'client', started: false })

    const late = begin(gateway.port).end()
    const { response } = await upstream.arrivals.next()
    response.write('half')
    await once(await responseTo(late), 'data')
    late.destroy()
    expect(await gateway.outcome()).toEqual({ kind: 'interrupted', by: 'client', started: true })
  })

  it('is an interruption by the client if it disconnects while the upstream connection opens', async () => {
    const silent = await rawUpstream()
    const gateway = await gatewayTo(silent.url.replace('http:', 'https:'))
    const client = begin(gateway.port, { headers: { authorization: 'Bearer secret' } }).end()
    await silent.arrivals.next()
    client.destroy()
    expect(await gateway.outcome()).toEqual({ kind: 'interrupted', by: 'client', started: false })
  })

  it('is reported for each pipelined request', async () => {
    const upstream = await httpUpstream()
    const gateway = await gatewayTo(upstream.url)
    const client = await rawClient(gateway.port)
    client.send(message('GET /1 HTTP/1.1') + message('GET /2 HTTP/1.1'))
    await upstream.arrivals.next()
    const second = await upstream.arrivals.next()
    // The second response is complete, but waits for the first one, which never ends.
    second.response.end('two')
    client.socket.destroy()
    expect(await gateway.outcome()).toEqual({ kind: 'interrupted', by: 'client', started: false })
    expect(await gateway.outcome()).toMatchObject({ kind: 'interrupted', by: 'client' })
  })
})

describe('an observer of a response', () => {
  it('receives the response from the upstream unchanged', async () => {
    const upstream = await rawUpstream((socket) =>
      socket.end(
        'HTTP/1.1 200 OK\r\nRateLimit: "a";r=1\r\nX-Usage: 7\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
      ),
    )
    const seen: unknown[] = []
    const observer: ResponseObserver = {
      head: (status, rawHeaders) => seen.push([status, rawHeaders]),
      data: (chunk) => seen.push(chunk.toString()),
    }
    const gateway = await gatewayTo(upstream.url, { observer, responseHeaders: [['RateLimit', '"b";r=2']] })
    const response = await responseTo(begin(gateway.port).end())
    expect(await textOf(response)).toBe('ok')
    expect(response.headers).toMatchObject({ ratelimit: '"b";r=2', 'x-usage': '7' })
    expect(seen).toEqual([
      [200, ['RateLimit', '"a";r=1', 'X-Usage', '7', 'Transfer-Encoding', 'chunked']],
      'ok',
    ])
  })
})

describe('headers set by the gateway', () => {
  it('replace the headers of the client in any spelling', async () => {
    const upstream = await httpUpstream((_request, response) => response.end())
    const gateway = await gatewayTo(upstream.url, {
      responseHeaders: [],
      requestHeaders: [['X-Client-Tier', 'free']],
    })
    const headers = { 'x-client-tier': 'premium', X_Client_Tier: 'premium', 'x-other': '1' }
    await responseTo(begin(gateway.port, { headers }).end())
    const { request } = await upstream.arrivals.next()
    expect(request.headers).toMatchObject({ 'x-client-tier': 'free', 'x-other': '1' })
    expect(request.headers).not.toHaveProperty('x_client_tier')
  })
})
