import { describe, expect, it } from 'vitest'
import { startGateway } from '../../../src/server/gateway.js'
import { send, startTestGateway } from '../gateway/running-gateway.js'
import { serveWithWorkers } from '../workers/worker-gateway.js'
import { message, rawClient } from './raw-client.js'
import { httpUpstream } from './upstream-under-test.js'

describe('the Via header', () => {
  it('names the gateway after all earlier proxies', async () => {
    const upstream = await httpUpstream((_request, response) => response.end())
    const { gateway } = await startTestGateway('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(
      message('GET / HTTP/1.1', ['Via: 2 front.example', 'via: 1.1 middle', 'Via:', 'V_ia: 1.1 made-up']),
    )
    await client.until('200 OK')
    const old = await rawClient(gateway.address.port)
    old.send(message('GET / HTTP/1.0'))
    await old.until('200 OK')
    const [first, second] = [await upstream.arrivals.next(), await upstream.arrivals.next()]
    expect(first.request.headers.via).toMatch(/^2 front\.example, 1\.1 middle, 1\.1 sluice-[0-9a-f]{16}$/)
    expect(second.request.headers.via).toMatch(/^1\.0 sluice-[0-9a-f]{16}$/)
  })
})

describe('a gateway whose upstream leads back to it', () => {
  it('responds with 508 to its own request', async () => {
    const { gateway, url, configOf, failures } = await startTestGateway('')
    await gateway.apply({ ...configOf(''), upstream: url })
    for (const target of ['/', '/predict?a=1']) {
      const { status, text } = await send(url, target, { body: 'hello' })
      expect([status, JSON.parse(text)]).toMatchObject([508, { title: 'Loop Detected', status: 508 }])
    }
    expect(failures).toEqual([])
  })

  it('responds with 508 in any worker if the loop passes through another server', async () => {
    let hops = 0
    const { url } = await serveWithWorkers(2, '', async (request, response) => {
      hops += 1
      const { status } = await send(url, '/', { headers: { via: request.headers.via } })
      response.writeHead(status).end()
    })
    for (let attempt = 1; attempt <= 10; attempt += 1) {
      expect((await send(url, '/')).status).toBe(508)
      expect(hops).toBe(attempt)
    }
  })

  it('responds with 508 in a loop of two gateways', async () => {
    const first = await startTestGateway('')
    const second = await startTestGateway('', first.url)
    expect((await send(second.url, '/')).status).toBe(200)
    await first.gateway.apply({ ...first.configOf(''), upstream: second.url })
    expect((await send(first.url, '/')).status).toBe(508)
    expect((await send(second.url, '/')).status).toBe(508)
  })

  it('responds with 508 in a loop of many gateways with different names', async () => {
    const { url } = await startTestGateway('')
    const via = (count: number) =>
      Array.from({ length: count }, (_, index) => `1.1 sluice-${String(index).padStart(16, '0')}`).join(', ')
    expect((await send(url, '/', { headers: { via: via(9) } })).status).toBe(200)
    expect((await send(url, '/', { headers: { via: via(10) } })).status).toBe(508)
  })

  it('keeps its unique name in Via across a reload', async () => {
    const names = async (url: string) => JSON.parse((await send(url, '/')).text).headers.via
    const { gateway, url, configOf } = await startTestGateway('')
    const before = await names(url)
    await gateway.apply(configOf('timeouts: { idle: 1m }'))
    expect(await names(url)).toBe(before)
    const log = { info: () => {}, error: () => {}, crashed: () => {}, upstreamFailed: () => {} }
    const other = await startGateway(configOf(''), log as never)
    expect(await names(`http://127.0.0.1:${other.address.port}`)).not.toBe(before)
    await other.close()
  })
})
