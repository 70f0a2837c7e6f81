import { expect, it } from 'vitest'
import { send, until } from '../gateway/running-gateway.js'
import { unusedAddress } from '../proxy/upstream-under-test.js'
import { serveWithWorkers } from '../workers/worker-gateway.js'
import { namedServer } from './named-servers.js'

it('workers share the limits of an upstream, and report its state together', async () => {
  const server = await namedServer('server')
  const dead = await unusedAddress()
  const { url, metrics } = await serveWithWorkers(
    2,
    `
upstreams:
  provider: { urls: ["${dead}", "${server.url}"], limits: [6/hour] }
routes: [{ match: /x, upstream: provider }]
`,
    () => {},
  )
  const statuses = await Promise.all(Array.from({ length: 20 }, async () => (await send(url, '/x')).status))
  expect(statuses.filter((status) => status === 200)).toHaveLength(6)
  expect(statuses.filter((status) => status === 429)).toHaveLength(14)
  await until(async () =>
    (await metrics()).includes('sluice_upstream_requests_total{upstream="provider",status="200"} 6'),
  )
})

it('workers check the addresses of an upstream, and skip those that fail', async () => {
  const isUp = new Map([
    ['a', true],
    ['b', true],
  ])
  const [a, b] = await Promise.all(
    [...isUp.keys()].map((name) =>
      namedServer(name, (request, response) => {
        if (request.url === '/health') response.statusCode = isUp.get(name) === true ? 200 : 503
        response.end(name)
      }),
    ),
  )
  const { url, metrics } = await serveWithWorkers(
    2,
    `
upstreams:
  pool: { urls: ["${a?.url}", "${b?.url}"], health: { path: /health, every: 100ms } }
routes: [{ match: /x, upstream: pool }]
`,
    () => {},
  )
  const upOf = async (server: string | undefined) => {
    const { host } = new URL(server ?? '')
    return new RegExp(`sluice_upstream_up\\{upstream="pool",address="${host}"\\} (\\d)`).exec(
      await metrics(),
    )?.[1]
  }
  const servers = async () =>
    new Set(await Promise.all(Array.from({ length: 20 }, async () => (await send(url, '/x')).text)))
  await until(async () => (await upOf(a?.url)) === '1' && (await servers()).size === 2)
  isUp.set('a', false)
  await until(async () => (await upOf(a?.url)) === '0')
  await until(async () => (await servers()).size === 1)
  expect(await servers()).toEqual(new Set(['b']))
  isUp.set('a', true)
  await until(async () => (await upOf(a?.url)) === '1' && (await servers()).size === 2)
})
