import { describe, expect, it } from 'vitest'
import { send, startTestGateway, until } from '../gateway/running-gateway.js'
import { httpUpstream } from '../proxy/upstream-under-test.js'
import { holdingServer } from './named-servers.js'

const config = (kept: string, more: string) => `
upstreams:
  kept: { url: "${kept}" }
${more}
routes:
  - { match: /kept, upstream: kept }
  - { match: /x, upstream: x }
`

describe('a reload', () => {
  it('keeps the connections of upstreams that do not change', async () => {
    const kept = await httpUpstream((request, response) => {
      request.resume()
      response.end('kept')
    })
    const x = (limits: string) => `  x: { url: "${kept.url}/x", limits: [${limits}] }`
    const { url, gateway, configOf } = await startTestGateway(config(kept.url, x('9/hour')))
    await send(url, '/kept')
    expect(kept.connections).toBe(1)
    await gateway.apply(configOf(config(kept.url, x('8/hour'))))
    await gateway.apply(configOf(config(kept.url, `  x: { url: "${kept.url}/y" }`)))
    await send(url, '/kept')
    expect(kept.connections).toBe(1)
  })

  it('keeps the usage of the limits of upstreams', async () => {
    const server = await httpUpstream((request, response) => {
      request.resume()
      response.end('x')
    })
    const x = (more: string) => `  x: { url: "${server.url}", limits: [2/hour]${more} }`
    const { url, gateway, configOf } = await startTestGateway(config(server.url, x('')))
    expect([(await send(url, '/x')).status, (await send(url, '/x')).status]).toEqual([200, 200])
    await gateway.apply(configOf(config(server.url, x(', headers: { x-a: b }'))))
    expect((await send(url, '/x')).status).toBe(429)
  })

  it('lets requests to a removed upstream finish, even after further reloads', async () => {
    const removed = await holdingServer('removed')
    const other = await holdingServer('other')
    const to = (server: string) => config(other.url, `  x: { url: "${server}" }`)
    const { url, gateway, configOf, failures } = await startTestGateway(to(removed.url))
    const first = send(url, '/x')
    await until(() => removed.held.length === 1)
    await gateway.apply(configOf(to(other.url)))
    const second = send(url, '/x')
    await until(() => other.held.length === 1)
    await gateway.apply(configOf(to(`${other.url}/again`)))
    removed.held[0]?.end('first')
    other.held[0]?.end('second')
    expect([(await first).text, (await second).text]).toEqual(['first', 'second'])
    expect(failures).toEqual([])
  })
})
