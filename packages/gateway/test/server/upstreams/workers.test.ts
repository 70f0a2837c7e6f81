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
