import { describe, expect, it } from 'vitest'
import { startTestGateway } from '../gateway/running-gateway.js'
import { message, rawClient } from './raw-client.js'
import { httpUpstream, textOf } from './upstream-under-test.js'

describe('stopping the gateway', () => {
  it('waits for an upload and its response, then closes that connection', async () => {
    const upstream = await httpUpstream()
    const { gateway } = await startTestGateway('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(message('POST / HTTP/1.1', ['Content-Length: 10'], 'first'))
    const { request, response } = await upstream.arrivals.next()
    const stopped = gateway.close()
    client.send(' last')
    expect(await textOf(request)).toBe('first last')
    response.end('done')
    expect(await client.closed).toBe('')
    expect(client.received).toMatch(/\r\n\r\ndone$/)
    await stopped
  })

  it('immediately closes idle connections', async () => {
    const upstream = await httpUpstream((_request, response) => response.end('done'))
    const { gateway } = await startTestGateway('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(message('GET / HTTP/1.1'))
    await client.until('done')
    await gateway.close()
    expect(await client.closed).toBe('')
  })

  it('immediately closes connections that have sent no data', async () => {
    const upstream = await httpUpstream()
    const { gateway } = await startTestGateway('', upstream.url)
    const silent = await rawClient(gateway.address.port)
    // A request on a later connection shows that the silent connection has been accepted.
    const client = await rawClient(gateway.address.port)
    client.send(message('GET / HTTP/1.1'))
    const { response } = await upstream.arrivals.next()
    const stopped = gateway.close()
    expect(await silent.closed).toBe('')
    response.end('done')
    await stopped
  })

  it('sends Connection: close in the response to a request pipelined behind one in flight', async () => {
    const upstream = await httpUpstream()
    const { gateway } = await startTestGateway('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(message('GET /1 HTTP/1.1'))
    const first = await upstream.arrivals.next()
    const stopped = gateway.close()
    client.send(message('GET /2 HTTP/1.1'))
    const second = await upstream.arrivals.next()
    first.response.end('one')
    second.response.end('two')
    expect(await client.closed).toBe('')
    expect(client.received).toMatch(/one[\s\S]*\r\nConnection: close\r\n[\s\S]*two$/)
    await stopped
  })

  it('finishes pipelined requests', async () => {
    const upstream = await httpUpstream()
    const { gateway } = await startTestGateway('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(message('GET /1 HTTP/1.1') + message('GET /2 HTTP/1.1'))
    const first = await upstream.arrivals.next()
    const second = await upstream.arrivals.next()
    const stopped = gateway.close()
    first.response.end('one')
    await client.until('one')
    second.response.end('two')
    expect(await client.closed).toBe('')
    expect(client.received).toMatch(/two$/)
    await stopped
  })

  it('is idempotent', async () => {
    const upstream = await httpUpstream((_request, response) => response.end('done'))
    const { gateway } = await startTestGateway('', upstream.url)
    await Promise.all([gateway.close(), gateway.close()])
    await gateway.close()
  })
})
