import { Redis } from 'ioredis'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Limit } from '../../../src/limits/limit.js'
import { redisStore } from '../../../src/stores/redis/index.js'
import { withFailurePolicy } from '../../../src/stores/resilience/failure-policy.js'
import { type Charge, settlementOf } from '../../../src/stores/store.js'
import { type RedisServer, startRedis } from '../servers/redis.js'

/** Tests a Redis server at its `maxmemory` with the policy `noeviction`. */

const HOUR = 3_600_000
const LIMITS: Record<string, Limit> = {
  bucket: { algorithm: 'token-bucket', limit: 10, period: 1000 * HOUR, burst: 10 },
  fixed: { algorithm: 'fixed-window', limit: 10, period: HOUR },
  sliding: { algorithm: 'sliding-window', limit: 10, period: HOUR },
  log: { algorithm: 'sliding-log', limit: 10, period: HOUR },
  slots: { algorithm: 'concurrency', limit: 10, lease: HOUR },
}
const NAMES = Object.keys(LIMITS)

let server: RedisServer
let client: Redis
beforeEach(async () => {
  server = await startRedis()
  client = new Redis(server.port)
})
afterEach(async () => {
  client.disconnect()
  await server.stop()
})

let leases = 0
function charge(name: string, key: string, cost = 1): Charge {
  return { scope: name, key, limit: LIMITS[name] as Limit, cost, lease: `lease ${leases++}` }
}

const fill = () => client.config('SET', 'maxmemory', '1')
const empty = () => client.config('SET', 'maxmemory', '0')

async function dump(): Promise<Record<string, string | null>> {
  const all = (await client.keys('*')).sort()
  return Object.fromEntries(await Promise.all(all.map(async (key) => [key, await client.dump(key)] as const)))
}

it.each([
  ['one rule', NAMES.map((name) => [name])],
  ['a rule and slots', NAMES.map((name) => [name, 'slots'])],
  ['slots and a rule', NAMES.map((name) => ['slots', name])],
  ['all rules', [NAMES]],
])('the Redis store writes nothing to a full server for a take under %s', async (_what, requests) => {
  const store = redisStore({ client, prefix: '', rememberRefusals: 0 })
  // Some keys exist, with slots whose leases have ended but are still stored.
  for (const name of NAMES) await store.take([charge(name, 'known')])
  await fill()
  const before = await dump()
  const results = await Promise.allSettled(
    requests.flatMap((names) =>
      ['known', 'new'].map((key) => store.take(names.map((name) => charge(name, key)))),
    ),
  )
  for (const result of results)
    expect(result).toMatchObject({ status: 'rejected', reason: { name: 'StoreRequestError' } })
  expect(await dump()).toEqual(before)
  await empty()
  expect(await store.take([charge('bucket', 'known')])).toMatchObject([{ remaining: 8 }])
})

it('the Redis store starts no penalty on a full server, and refuses by the limit', async () => {
  const store = redisStore({ client, prefix: '', rememberRefusals: 0 })
  const one = { ...charge('fixed', 'spent'), penalty: { durationMs: 5 * HOUR, growth: 1, maxMs: 5 * HOUR } }
  await store.take([charge('fixed', 'spent', 10)])
  await fill()
  const before = await dump()
  const [refused] = await store.take([one])
  expect(refused?.allowed).toBe(false)
  expect(refused?.retryAfter).toBeLessThanOrEqual(HOUR)
  expect(await dump()).toEqual(before)
  await empty()
  expect((await store.take([one]))[0]?.retryAfter).toBe(5 * HOUR)
})

it('the Redis store peeks, refuses, releases and resets on a full server, and leaves takes to the failure policy', async () => {
  const store = withFailurePolicy(redisStore({ client, prefix: '', rememberRefusals: 0 }), {
    policy: 'closed',
    deadline: 30_000,
  })
  const slots = charge('slots', 'held', 4)
  const [held] = await store.take([slots])
  await store.take([charge('fixed', 'spent', 10)])
  await fill()
  const [left, refused, settled, reset, taken] = await Promise.allSettled([
    store.peek(NAMES.map((name) => charge(name, 'fresh', 0))),
    store.take([charge('fixed', 'spent')]),
    store.settle([settlementOf(slots, held as never, 0)]),
    store.reset('fixed', 'other'),
    store.take([charge('bucket', 'fresh')]),
  ])
  expect([left.status, settled.status, reset.status]).toEqual(['fulfilled', 'fulfilled', 'fulfilled'])
  expect(refused).toMatchObject({ status: 'fulfilled', value: [{ allowed: false }] })
  expect(taken).toMatchObject({ status: 'rejected', reason: { name: 'StoreUnavailableError' } })
  expect(await store.peek([charge('slots', 'held', 0)])).toMatchObject([{ remaining: 10 }])
  for (let call = 0; call < 20; call++)
    await expect(Promise.resolve(store.take([charge('bucket', 'fresh')]))).rejects.toThrow('memory')
  expect(store.stats()).toMatchObject({ state: 'closed', failures: 0, requestErrors: 21 })
})
