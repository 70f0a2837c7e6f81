import type { ServerResponse } from 'node:http'
import { expect, it, onTestFinished } from 'vitest'
import { startRedis } from '../../../../sluice/test/stores/servers/redis.js'
import { send, startTestGateway, startUpstream, until } from '../gateway/running-gateway.js'

/** Requests that the server handles at a time, and how long each takes. */
const SLOTS = 4
const SERVICE_MS = 25
/** Requests of each tenant at any time. */
const AT_ONCE = 12
/** Requests in which the only tenant of a gateway gets ahead, until its gateway holds it back. */
const AHEAD = 700
/** Requests after those, of which the shares are compared. */
const COMPARED = 600

const fileFor = (port: number) => `store: redis://127.0.0.1:${port}/0
on_store_failure: { policy: local, deadline: 5s }
limits:
  - { name: server, concurrent: ${SLOTS}, by: everyone, wait: 60s, queue: 200, fair: header:x-tenant }
routes:
  - match: POST /predict
`

it('gateways on one Redis serve tenants in fair shares of the whole, and go on without it', async () => {
  const redis = await startRedis()
  onTestFinished(() => redis.stop())
  const served = new Map<string, number>()
  let total = 0
  const upstream = await startUpstream((request, response: ServerResponse) => {
    const tenant = String(request.headers['x-tenant'])
    request.resume()
    setTimeout(() => {
      served.set(tenant, (served.get(tenant) ?? 0) + 1)
      total++
      response.end('{}')
    }, SERVICE_MS)
  })
  const gateways = await Promise.all([1, 2].map(() => startTestGateway(fileFor(redis.port), upstream)))
  let isOver = false
  const statuses = new Map<number, number>()
  const clients = [['a'], ['b', 'c', 'd']].flatMap((tenants, index) =>
    tenants.flatMap((tenant) =>
      Array.from({ length: AT_ONCE }, async () => {
        while (!isOver) {
          const { url } = gateways[index] as (typeof gateways)[number]
          const { status } = await send(url, '/predict', { headers: { 'x-tenant': tenant }, body: '{}' })
          statuses.set(status, (statuses.get(status) ?? 0) + 1)
        }
      }),
    ),
  )
  await until(() => total >= AHEAD)
  served.clear()
  await until(() => total >= AHEAD + COMPARED)
  const [a = 0, ...others] = ['a', 'b', 'c', 'd'].map((tenant) => served.get(tenant) ?? 0)
  // Each gateway alone would give half of the slots to its tenants, so a three times as much.
  expect(a).toBeLessThan(2.2 * Math.min(...others))
  expect(Math.max(...others)).toBeLessThan(1.3 * Math.min(...others))
  const metrics = async () =>
    (await Promise.all(gateways.map(({ adminUrl }) => send(adminUrl, '/metrics', { method: 'GET' })))).map(
      ({ text }) => text,
    )
  for (const text of await metrics()) expect(text).toMatch(/^sluice_fleet_gateways 2$/m)
  await redis.stop()
  const before = total
  await until(() =>
    gateways.every(({ warnings }) => warnings.some(({ message }) => /fair within each/.test(message))),
  )
  await until(() => total >= before + 100)
  for (const text of await metrics()) expect(text).toMatch(/^sluice_fleet_degraded 1$/m)
  isOver = true
  await Promise.all(clients)
  expect([...statuses.keys()]).toEqual([200])
})
