import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Limit } from '../../../../src/limits/limit.js'
import { redisStore } from '../../../../src/stores/redis/index.js'
import type { RedisStore } from '../../../../src/stores/redis/redis-store.js'
import { type RedisServer, startRedis } from '../../servers/redis.js'
import { redisStore as earlierRedisStore } from './redis-store-0.1.js'

const HOUR = 3_600_000
const LIMITS: [string, Limit][] = [
  ['token bucket', { algorithm: 'token-bucket', limit: 10, period: HOUR, burst: 10 }],
  ['fixed window', { algorithm: 'fixed-window', limit: 10, period: HOUR }],
  ['sliding window', { algorithm: 'sliding-window', limit: 10, period: HOUR }],
  ['sliding log', { algorithm: 'sliding-log', limit: 10, period: HOUR }],
  ['concurrency limit', { algorithm: 'concurrency', limit: 10, lease: HOUR }],
]

let server: RedisServer
let client: Redis

beforeAll(async () => {
  server = await startRedis()
  client = new Redis(server.port)
})
afterAll(async () => {
  client.disconnect()
  await server.stop()
})

it.each(LIMITS)(
  'two versions on one Redis each admit the limit once, and neither changes the state of the other: %s',
  async (name, limit) => {
    const versions = [earlierRedisStore({ client }), redisStore({ client })]
    const admitted = [0, 0]
    // The versions take turns, as two processes do during a rolling upgrade.
    for (let request = 0; request < 50; request++) {
      const version = request % 2
      if (await isAdmitted(versions[version] as RedisStore, name, limit, request))
        admitted[version] = (admitted[version] ?? 0) + 1
    }
    expect(admitted).toEqual([10, 10])
  },
)

it('the new version admits the limit again after an upgrade, once', async () => {
  const limit: Limit = { algorithm: 'fixed-window', limit: 10, period: HOUR }
  const before = earlierRedisStore({ client })
  const after = redisStore({ client })
  for (let request = 0; request < 10; request++) await isAdmitted(before, 'upgraded', limit, request)
  const admitted = []
  for (let request = 0; request < 30; request++)
    admitted.push(await isAdmitted(after, 'upgraded', limit, request))
  expect(admitted.filter(Boolean)).toHaveLength(10)
})

it('the keys of both versions are distinct and under the same prefix', async () => {
  const found = (await server.cli('--scan', '--pattern', 'sluice:*')).trim().split('\n')
  expect(found).toContain('sluice:v2:{fixed+window}:requests')
  expect(found).toContain('sluice:8:requests:fixed window')
})

async function isAdmitted(store: RedisStore, key: string, limit: Limit, request: number): Promise<boolean> {
  const charge = { scope: 'requests', key, limit, cost: 1, lease: `lease ${request}` }
  const [verdict] = await store.take([charge])
  return verdict?.allowed === true
}
