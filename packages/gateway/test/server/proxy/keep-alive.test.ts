import { describe, expect, it } from 'vitest'
import { send, startTestGateway, until } from '../gateway/running-gateway.js'
import { begin, responseTo } from './http-client.js'
import { message, rawClient } from './raw-client.js'
import { httpUpstream, rawUpstream } from './upstream-under-test.js'

const RESPONSE = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

describe('connections', () => {
  it('serve consecutive requests on both sides', async () => {
    const upstream = await httpUpstream((request, response) => void request.pipe(response))
    const { gateway } = await startTestGateway('', upstream.url)
    const client = await rawClient(gateway.address.port)
    for (let round = 1; round <= 10; round++) {
      client.send(message('POST / HTTP/1.1', ['Content-Length: 4'], 'turn'))
      await client.until('200 OK', round)
      await client.until('turn', round)
    }
    expect(upstream.connections).toBe(1)
  })

  it('to the upstream are shared by all clients, with one connection per request in flight', async () => {
    const upstream = await httpUpstream()
    const { gateway } = await startTestGateway('', upstream.url)
    for (let round = 0; round < 2; round++) {
      const clients = Array.from({ length: 20 }, () => begin(gateway.address.port).end())
      // All requests arrive before the first response, so none is queued behind another.
      const arrived = await Promise.all(clients.map(() => upstream.arrivals.next()))
      const responses = clients.map(responseTo)
      for (const { response } of arrived) response.end()
      for (const response of await Promise.all(responses)) expect(response.statusCode).toBe(200)
    }
    expect(upstream.connections).toBe(20)
  })

  it('to clients outlive those to the upstream', async () => {
    const upstream = await rawUpstream((socket) => {
      socket.write(RESPONSE.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
    })
    const { gateway } = await startTestGateway('', upstream.url)
    const client = await rawClient(gateway.address.port)
    for (let round = 1; round <= 3; round++) {
      client.send(message('GET / HTTP/1.1'))
      await client.until('ok', round)
      await until(() => upstream.open === 0)
    }
    expect(upstream.arrivals.count).toBe(3)
    expect(client.received).not.toContain('Connection: close')
  })

  it('are not reused if the upstream closes them while they are idle', async () => {
    const upstream = await rawUpstream((socket) => socket.end(RESPONSE))
    const { url } = await startTestGateway('', upstream.url)
    for (let round = 0; round < 20; round++) {
      expect((await send(url, '/')).status).toBe(200)
      await until(() => upstream.open === 0)
    }
  })

  it('are not reused if the upstream sends bytes after the response', async () => {
    const upstream = await rawUpstream((socket) =>
      socket.write(`${RESPONSE}HTTP/1.1 200 OK\r\nX-Evil: 1\r\nContent-Length: 4\r\n\r\nevil`),
    )
    const { url } = await startTestGateway('', upstream.url)
    for (let round = 0; round < 3; round++) {
      const { status, headers, text } = await send(url, '/')
      expect([status, headers['x-evil'], text]).toEqual([200, undefined, 'ok'])
      await until(() => upstream.open === 0)
    }
  })

  it("are closed at the client's request, with Connection: close", async () => {
    const upstream = await httpUpstream((_request, response) => response.end('ok'))
    const { gateway } = await startTestGateway('', upstream.url)
    for (let round = 0; round < 3; round++) {
      const client = await rawClient(gateway.address.port)
      client.send(message('GET / HTTP/1.1', ['Connection: close']))
      expect(await client.closed).toBe('')
      expect(client.received).toMatch(/\r\nConnection: close\r\n\r\nok$/)
    }
    // Only the client's connection is closed.
    expect(upstream.connections).toBe(1)
  })

  it('to HTTP/1.0 clients are closed to end the response', async () => {
    const upstream = await rawUpstream((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n')
    })
    const { gateway } = await startTestGateway('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(message('GET / HTTP/1.0'))
    expect(await client.closed).toBe('')
    expect(client.received).toMatch(/\r\n\r\nok$/)
    expect(client.received).not.toMatch(/transfer-encoding/i)
  })

  it('carry pipelined requests and their responses in order', async () => {
    const upstream = await httpUpstream()
    const { gateway } = await startTestGateway('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(['/1', '/2', '/3'].map((path) => message(`GET ${path} HTTP/1.1`)).join(''))
    const arrived = [
      await upstream.arrivals.next(),
      await upstream.arrivals.next(),
      await upstream.arrivals.next(),
    ]
    for (const { request, response } of arrived.toReversed()) response.end(`response to ${request.url}`)
    await client.until('response to /3')
    expect(client.received.match(/response to \S+?(?=HTTP|$)/g)).toEqual([
      'response to /1',
      'response to /2',
      'response to /3',
    ])
  })
})
