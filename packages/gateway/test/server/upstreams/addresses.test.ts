import { describe, expect, it } from 'vitest'
import { createUpstream } from '../../../src/server/upstreams/upstream.js'
import { chooseAddress, UpstreamAddress } from '../../../src/server/upstreams/upstream-address.js'
import { send, startTestGateway, until } from '../gateway/running-gateway.js'
import { unusedAddress } from '../proxy/upstream-under-test.js'
import { holdingServer, namedServer } from './named-servers.js'

const config = (urls: readonly string[], more = '') => `
upstreams:
  pool: { urls: ${JSON.stringify(urls)}${more} }
routes: [{ match: /x, upstream: pool }]
`

describe('the addresses of an upstream', () => {
  it('receive the requests in turn while they have as many in flight', async () => {
    const servers = await Promise.all(['a', 'b', 'c'].map((name) => namedServer(name)))
    const { url } = await startTestGateway(config(servers.map((server) => server.url)))
    for (let count = 0; count < 9; count++) await send(url, '/x')
    expect(servers.map(({ received }) => received.length)).toEqual([3, 3, 3])
  })

  it('receive a request if they have the fewest in flight', async () => {
    const slow = await holdingServer('slow')
    const fast = await namedServer('fast')
    const { url } = await startTestGateway(config([slow.url, fast.url]))
    const first = send(url, '/x')
    await until(() => slow.held.length === 1)
    for (let count = 0; count < 6; count++) expect((await send(url, '/x')).text).toBe('fast')
    expect(slow.received).toHaveLength(1)
    slow.held[0]?.end('slow')
    expect((await first).text).toBe('slow')
  })

  it('are replaced by another one if they cannot be reached, and are then skipped', async () => {
    const server = await namedServer('server')
    const dead = await unusedAddress()
    const { url, adminUrl, warnings, failures } = await startTestGateway(config([dead, server.url]))
    for (let count = 0; count < 10; count++) expect((await send(url, '/x')).text).toBe('server')
    const skipped = warnings.filter(({ message }) => message.includes('skipped'))
    expect(skipped.map(({ fields }) => fields)).toEqual([{ upstream: 'pool', address: new URL(dead).host }])
    expect(failures).toEqual([])
    const metrics = await (await fetch(`${adminUrl}/metrics`)).text()
    expect(metrics).toContain(`sluice_upstream_up{upstream="pool",address="${new URL(dead).host}"} 0`)
    expect(metrics).toContain(`sluice_upstream_up{upstream="pool",address="${new URL(server.url).host}"} 1`)
    expect(metrics).toContain('sluice_upstream_requests_total{upstream="pool",status="200"} 10')
    expect(metrics).toContain('sluice_upstream_requests_total{upstream="pool",status="error"} 3')
    const status = await (await fetch(`${adminUrl}/api/status`)).json()
    expect(status.upstreams).toEqual([
      { upstream: 'default', address: expect.any(String), up: true, inFlight: 0, paused: 0 },
      { upstream: 'pool', address: new URL(dead).host, up: false, inFlight: 0, paused: 0 },
      { upstream: 'pool', address: new URL(server.url).host, up: true, inFlight: 0, paused: 0 },
    ])
  })

  it('are not used while their checks fail', async () => {
    let status = 500
    const checked = await namedServer('checked', (request, response) => {
      if (request.url === '/health') response.writeHead(status)
      response.end('checked')
    })
    const other = await namedServer('other')
    const { url, gateway } = await startTestGateway(
      config([checked.url, other.url], ', health: { path: /health, every: 100ms }'),
    )
    const texts = async () =>
      new Set((await Promise.all(Array.from({ length: 4 }, () => send(url, '/x')))).map(({ text }) => text))
    await until(async () => !(await texts()).has('checked'))
    status = 204
    await until(async () => (await texts()).has('checked'))
    await gateway.close()
    const count = checked.received.length
    await new Promise((resolve) => setImmediate(resolve))
    expect(checked.received).toHaveLength(count)
  })
})

describe('the choice of an address', () => {
  const addresses = () =>
    ['a', 'b', 'c'].map(
      (host) => new UpstreamAddress(createUpstream(`http://${host}`, { connect: 0, headers: 0, idle: 0 })),
    )
  const fail = ({ health }: UpstreamAddress, now: number) => {
    for (let count = 0; count < 3; count++) health.onFailure(now, false)
  }

  it('falls on the least recently failed address if all are skipped', () => {
    const all = addresses()
    for (const [index, address] of all.entries()) fail(address, 10 - index)
    expect(chooseAddress(all, 0, 20)?.host).toBe('c')
  })

  it('lets one request probe an address, after a time that doubles', () => {
    const [address] = addresses() as [UpstreamAddress]
    const { health } = address
    fail(address, 0)
    expect([health.isAvailable(999), health.isAvailable(1000)]).toEqual([false, true])
    expect([health.onRequest(), health.isAvailable(1000), health.onRequest()]).toEqual([true, false, false])
    health.onFailure(1000, true)
    expect([health.isAvailable(2999), health.isAvailable(3000)]).toEqual([false, true])
    for (let now = 3000; now < 10_000_000; now += 100_000) {
      health.onRequest()
      health.onFailure(now, true)
      expect([health.isAvailable(now + 60_000), health.isUp]).toEqual([true, false])
    }
    health.onRequest()
    health.onResponse()
    expect([health.isAvailable(0), health.isUp]).toEqual([true, true])
  })

  it('lets another request probe an address if the client of the first disconnects', () => {
    const [address] = addresses() as [UpstreamAddress]
    fail(address, 0)
    address.health.onRequest()
    address.health.onProbeAbandoned()
    expect(address.health.isAvailable(1000)).toBe(true)
  })
})
