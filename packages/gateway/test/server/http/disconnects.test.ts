import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { send, startTestGateway, until } from '../gateway/running-gateway.js'
import { begin, responseTo } from '../proxy/http-client.js'
import { message, rawClient } from '../proxy/raw-client.js'
import { httpUpstream, textOf } from '../proxy/upstream-under-test.js'

/** Starts a gateway with `slots` slots, and an upstream that responds only to probes. */
async function startWithSlots(slots: number, settings = '') {
  const upstream = await httpUpstream((request, response) => {
    if (request.headers['x-probe'] !== undefined) response.end()
  })
  const { gateway, url, failures } = await startTestGateway(
    `${settings}routes: [{ match: POST /, limits: [{ concurrent: ${slots} }] }]`,
    upstream.url,
  )
  const probe = async () => (await send(url, '/', { headers: { 'x-probe': '1' } })).status
  return {
    upstream,
    port: gateway.address.port,
    failures,
    probe,
    isSlotFree: async () => (await probe()) === 200,
  }
}

describe('a client that disconnects', () => {
  it('has its upstream request aborted and its slot freed before the response', async () => {
    const { upstream, port, failures, probe, isSlotFree } = await startWithSlots(1)
    const client = begin(port, { method: 'POST' }).end()
    const { response } = await upstream.arrivals.next()
    expect(await probe()).toBe(429)
    const ended = once(response, 'close')
    client.destroy()
    await ended
    expect(response.writableFinished).toBe(false)
    await until(isSlotFree)
    expect(failures).toEqual([])
  })

  it('has its upstream request aborted and its slot freed during the response', async () => {
    const { upstream, port, failures, probe, isSlotFree } = await startWithSlots(1)
    const client = begin(port, { method: 'POST' }).end()
    const { response } = await upstream.arrivals.next()
    response.write('half')
    await once(await responseTo(client), 'data')
    expect(await probe()).toBe(429)
    const ended = once(response, 'close')
    client.destroy()
    await ended
    await until(isSlotFree)
    expect(failures).toEqual([])
  })

  it('leaves its upload incomplete at the upstream', async () => {
    const { upstream, port, failures, probe, isSlotFree } = await startWithSlots(1)
    for (const headers of [{ 'content-length': 1000 }, { 'transfer-encoding': 'chunked' }]) {
      const client = begin(port, { method: 'POST', headers })
      client.write('half')
      const { request } = await upstream.arrivals.next()
      await once(request, 'data')
      expect(await probe()).toBe(429)
      const ended = once(request, 'error')
      client.destroy()
      expect((await ended)[0]).toMatchObject({ code: 'ECONNRESET' })
      expect(request.complete).toBe(false)
      await until(isSlotFree)
      while (upstream.arrivals.ready > 0) await upstream.arrivals.next()
    }
    expect(failures).toEqual([])
  })

  it('has its request aborted while the upstream does not read the upload', async () => {
    const { upstream, port, failures, isSlotFree } = await startWithSlots(1)
    const client = begin(port, { method: 'POST' })
    const chunk = Buffer.alloc(2 ** 20)
    while (client.write(chunk)) await new Promise((resolve) => setImmediate(resolve))
    const { request } = await upstream.arrivals.next()
    client.destroy()
    const read = textOf(request)
    await expect(read).rejects.toMatchObject({ code: 'ECONNRESET' })
    await until(isSlotFree)
    expect(failures).toEqual([])
  })

  it('has its request aborted even if it reads nothing of the response', async () => {
    const { upstream, port, failures, isSlotFree } = await startWithSlots(1)
    const client = begin(port, { method: 'POST' }).end()
    const { response } = await upstream.arrivals.next()
    const chunk = Buffer.alloc(2 ** 20)
    const write = () => {
      while (!response.destroyed && response.write(chunk));
    }
    response.on('drain', write)
    write()
    await responseTo(client)
    const ended = once(response, 'close')
    client.destroy()
    await ended
    await until(isSlotFree)
    expect(failures).toEqual([])
  })

  it('has all of its pipelined requests aborted', async () => {
    const { upstream, port, failures, probe, isSlotFree } = await startWithSlots(2)
    const client = await rawClient(port)
    const request = message('POST / HTTP/1.1', ['Content-Length: 0'])
    client.send(request + request)
    const first = await upstream.arrivals.next()
    const second = await upstream.arrivals.next()
    expect(await probe()).toBe(429)
    const ended = Promise.all([once(first.response, 'close'), once(second.response, 'close')])
    client.socket.destroy()
    await ended
    await until(isSlotFree)
    // While a new request holds one slot, a successful probe shows that the other is free.
    begin(port, { method: 'POST' }).end()
    await until(async () => {
      const { request } = await upstream.arrivals.next()
      return request.headers['x-probe'] === undefined
    })
    await until(isSlotFree)
    expect(failures).toEqual([])
  })
})

describe('a client that half-closes its connection', () => {
  it.each(['HTTP/1.1', 'HTTP/1.0'])('receives the response to its %s request', async (version) => {
    const { upstream, port, failures, isSlotFree } = await startWithSlots(1)
    const client = await rawClient(port)
    client.send(message(`POST / ${version}`, ['Content-Length: 2'], 'hi'))
    const { response } = await upstream.arrivals.next()
    client.socket.end()
    await new Promise((resolve) => setImmediate(resolve))
    response.end('done')
    expect(await client.closed).toBe('')
    expect(client.received).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*done$/)
    await until(isSlotFree)
    expect(failures).toEqual([])
  })

  it('receives a stream up to its last event if it half-closes together with the request', async () => {
    const { upstream, port, failures, isSlotFree } = await startWithSlots(1)
    const client = await rawClient(port)
    client.socket.end(message('POST / HTTP/1.1', ['Content-Length: 2'], 'hi'))
    const { response } = await upstream.arrivals.next()
    // The gateway probes whether the client is still connected.
    await client.until('HTTP/1.1 102 Processing\r\n\r\n', 2)
    response.write('first')
    await client.until('first')
    response.end('last')
    expect(await client.closed).toBe('')
    expect(client.received).toMatch(/\r\n\r\nHTTP\/1\.1 200 OK\r\n[\s\S]*first[\s\S]*last\r\n0\r\n\r\n$/)
    await until(isSlotFree)
    expect(failures).toEqual([])
  })

  it('receives a response to each of its pipelined requests', async () => {
    const { upstream, port, failures } = await startWithSlots(3)
    const client = await rawClient(port)
    client.socket.end(message('POST / HTTP/1.1', ['Content-Length: 2'], 'hi').repeat(3))
    const arrived = [
      await upstream.arrivals.next(),
      await upstream.arrivals.next(),
      await upstream.arrivals.next(),
    ]
    for (const { response } of arrived.reverse()) response.end('done')
    expect(await client.closed).toBe('')
    expect(client.received.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(3)
    expect(failures).toEqual([])
  })

  it('gets a 400 if it half-closes within its body, and the upstream receives no complete request', async () => {
    const { upstream, port, failures, isSlotFree } = await startWithSlots(1)
    const client = await rawClient(port)
    client.send(message('POST / HTTP/1.1', ['Content-Length: 1000'], 'half'))
    const { request } = await upstream.arrivals.next()
    request.on('error', () => {})
    client.socket.end()
    await client.closed
    expect(client.received).toMatch(/^HTTP\/1\.1 400 /)
    await until(isSlotFree)
    expect(request.complete).toBe(false)
    expect(failures).toEqual([])
  })

  it('is considered disconnected once it also closes the other half', async () => {
    const { upstream, port, failures, isSlotFree } = await startWithSlots(1)
    const client = await rawClient(port)
    client.socket.end(message('POST / HTTP/1.1', ['Content-Length: 2'], 'hi'))
    const { response } = await upstream.arrivals.next()
    const ended = once(response, 'close')
    await client.until('HTTP/1.1 102 Processing')
    client.socket.destroy()
    await ended
    await until(isSlotFree)
    expect(failures).toEqual([])
  })

  it('is considered disconnected if it is a trusted proxy that uses HTTP/1.0', async () => {
    const { upstream, port, failures, isSlotFree } = await startWithSlots(
      1,
      'identity: { trusted_proxies: [127.0.0.1] }\n',
    )
    const client = await rawClient(port)
    client.socket.end(message('POST / HTTP/1.0', ['Content-Length: 2'], 'hi'))
    const { response } = await upstream.arrivals.next()
    await once(response, 'close')
    await client.closed
    expect(client.received).toBe('')
    await until(isSlotFree)
    expect(failures).toEqual([])
  })
})
