import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { send, startTestGateway, until } from '../gateway/running-gateway.js'
import { begin, responseTo } from './http-client.js'
import { message, rawClient } from './raw-client.js'
import { httpUpstream, rawUpstream, textOf } from './upstream-under-test.js'

const ONE_SLOT = 'routes: [{ match: POST /slow, limits: [{ concurrent: 1 }] }]'

describe('the connect timeout', () => {
  it('results in a 504 if the upstream does not accept the connection', async () => {
    // Accepts connections without responding, so that the TLS handshake never completes.
    const silent = await rawUpstream()
    const { url, failures } = await startTestGateway(
      `timeouts: { connect: 50ms }\n${ONE_SLOT}`,
      silent.url.replace('http:', 'https:'),
    )
    for (let attempt = 0; attempt < 2; attempt++) {
      const { status, headers, text } = await send(url, '/slow')
      expect([status, headers['content-type']]).toEqual([504, 'application/problem+json'])
      expect(JSON.parse(text)).toEqual({
        type: 'about:blank',
        title: 'Gateway timeout',
        status: 504,
        detail: 'The upstream did not accept a connection in time.',
        instance: `urn:uuid:${headers['x-request-id']}`,
      })
    }
    expect(failures).toMatchObject([{ code: 'UND_ERR_CONNECT_TIMEOUT' }, { code: 'UND_ERR_CONNECT_TIMEOUT' }])
  })
})

describe('the response timeout', () => {
  it('results in a 504, aborts the upstream request and frees the slot', async () => {
    const upstream = await httpUpstream()
    const { url, failures } = await startTestGateway(`timeouts: { headers: 50ms }\n${ONE_SLOT}`, upstream.url)
    for (let attempt = 0; attempt < 2; attempt++) {
      const result = send(url, '/slow')
      const { response } = await upstream.arrivals.next()
      const ended = once(response, 'close')
      const { status, text } = await result
      expect([status, JSON.parse(text).detail]).toEqual([504, 'The upstream did not respond in time.'])
      await ended
    }
    expect(failures).toMatchObject([
      { status: 504, code: 'UND_ERR_HEADERS_TIMEOUT' },
      { status: 504, code: 'UND_ERR_HEADERS_TIMEOUT' },
    ])
  })

  it('starts only when the request has been sent, however long that takes', async () => {
    const upstream = await httpUpstream()
    const { gateway, url } = await startTestGateway('timeouts: { headers: 500ms }', upstream.url)
    const client = begin(gateway.address.port, { method: 'POST' })
    client.write('first, ')
    const { request, response } = await upstream.arrivals.next()
    // Meanwhile, two later requests time out.
    for (let attempt = 0; attempt < 2; attempt++) expect((await send(url, '/')).status).toBe(504)
    client.end('last')
    expect(await textOf(request)).toBe('first, last')
    response.end('done')
    expect((await responseTo(client)).statusCode).toBe(200)
  })

  it('is not extended by an upstream that does not read the request', async () => {
    const upstream = await httpUpstream()
    const { gateway, failures } = await startTestGateway('timeouts: { headers: 50ms }', upstream.url)
    const client = begin(gateway.address.port, { method: 'POST', headers: { 'content-length': 2 ** 26 } })
    client.write(Buffer.alloc(2 ** 26))
    const { statusCode } = await responseTo(client)
    expect(statusCode).toBe(504)
    expect(failures).toMatchObject([{ code: 'UND_ERR_HEADERS_TIMEOUT' }])
  })
})

describe('the idle timeout', () => {
  it('aborts a stalled response so that the client notices, and frees the slot', async () => {
    const upstream = await httpUpstream()
    const { gateway } = await startTestGateway(`timeouts: { idle: 50ms }\n${ONE_SLOT}`, upstream.url)
    for (let attempt = 0; attempt < 2; attempt++) {
      const client = begin(gateway.address.port, { method: 'POST', path: '/slow' }).end()
      const { response } = await upstream.arrivals.next()
      const ended = once(response, 'close')
      response.write('half')
      const clientResponse = await responseTo(client)
      await expect(textOf(clientResponse)).rejects.toMatchObject({ code: 'ECONNRESET' })
      expect(clientResponse.complete).toBe(false)
      await ended
    }
  })

  it('does not abort a response that makes progress, however long it takes', async () => {
    const upstream = await httpUpstream()
    const { gateway } = await startTestGateway('timeouts: { idle: 1s }', upstream.url)
    const startResponse = async () => {
      const client = begin(gateway.address.port, { method: 'POST' }).end()
      const { response } = await upstream.arrivals.next()
      response.write('.')
      return { response, clientResponse: await responseTo(client) }
    }
    const active = await startResponse()
    const read = textOf(active.clientResponse)
    let written = 1
    const interval = setInterval(() => {
      written++
      active.response.write('.')
    }, 50)
    // Meanwhile, two stalled responses are aborted.
    for (let attempt = 0; attempt < 2; attempt++) {
      const silent = await startResponse()
      await expect(textOf(silent.clientResponse)).rejects.toMatchObject({ code: 'ECONNRESET' })
    }
    clearInterval(interval)
    active.response.end()
    expect(await read).toBe('.'.repeat(written))
  })
})

describe('a slow client', () => {
  it('is disconnected if it does not read its response, which aborts the request and frees the slot', async () => {
    const upstream = await httpUpstream((request, response) => {
      if (request.headers['x-probe'] !== undefined) response.end()
    })
    const { gateway, url } = await startTestGateway(`timeouts: { idle: 50ms }\n${ONE_SLOT}`, upstream.url)
    const client = begin(gateway.address.port, { method: 'POST', path: '/slow' }).end()
    const { response } = await upstream.arrivals.next()
    const ended = once(response, 'close')
    const chunk = Buffer.alloc(2 ** 20)
    const write = () => {
      while (!response.destroyed && response.write(chunk));
    }
    response.on('drain', write)
    write()
    await responseTo(client)
    await ended
    await until(async () => (await send(url, '/slow', { headers: { 'x-probe': '1' } })).status === 200)
  })

  it('gets a 408 if it does not send its body in time, which aborts the request and frees the slot', async () => {
    const upstream = await httpUpstream((request, response) => {
      if (request.headers['x-probe'] !== undefined) response.end()
    })
    const { gateway, url, failures } = await startTestGateway(
      `timeouts: { request: 50ms }\n${ONE_SLOT}`,
      upstream.url,
    )
    const client = await rawClient(gateway.address.port)
    client.send(message('POST /slow HTTP/1.1', ['Content-Length: 5'], 'he'))
    const { request } = await upstream.arrivals.next()
    const ended = once(request, 'error')
    await client.closed
    expect(client.received).toMatch(/^HTTP\/1\.1 408 /)
    expect((await ended)[0]).toMatchObject({ code: 'ECONNRESET' })
    await until(async () => (await send(url, '/slow', { headers: { 'x-probe': '1' } })).status === 200)
    expect(failures).toEqual([])
  })

  it('gets a 408 if it does not send its head in time', async () => {
    const upstream = await httpUpstream()
    const { gateway } = await startTestGateway('timeouts: { request: 50ms }', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send('GET / HTTP/1.1\r\nHost: local')
    await client.closed
    expect(client.received).toMatch(/^HTTP\/1\.1 408 /)
    expect(upstream.arrivals.count).toBe(0)
  })
})
