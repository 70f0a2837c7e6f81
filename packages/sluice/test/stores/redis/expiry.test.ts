import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Limit } from '../../../src/limits/limit.js'
import { redisStore } from '../../../src/stores/redis/index.js'
import { storeKey } from '../../../src/stores/redis/redis-key.js'
import type { Charge, StoreVerdict } from '../../../src/stores/store.js'
import { type RedisServer, startRedis } from '../servers/redis.js'

const YEAR = 365 * 86_400_000

const LIMITS: Limit[] = [
  { algorithm: 'token-bucket', limit: 3, period: 1.9, burst: 3 },
  { algorithm: 'token-bucket', limit: 1_000_000, period: 1000, burst: 1_000_000 },
  { algorithm: 'token-bucket', limit: 7, period: YEAR, burst: 10 },
  { algorithm: 'fixed-window', limit: 5, period: 30_000.5 },
  { algorithm: 'fixed-window', limit: 5, period: YEAR, align: 'calendar', timeZone: 'Asia/Kathmandu' },
  { algorithm: 'sliding-window', limit: 5, period: 10 * YEAR },
  { algorithm: 'sliding-log', limit: 5, period: 700.25 },
  { algorithm: 'concurrency', limit: 5, lease: 45_000 },
]

const PREFIX = 'expiry:'
/**
 * Returns the expiry of a key in milliseconds since the epoch, or the current time if it has
 * expired.
 */
const EXPIRES_AT = `
  local time, left = redis.call('TIME'), redis.call('PTTL', KEYS[1])
  return string.format('%.3f', time[1] * 1000 + time[2] / 1000 + math.max(left, 0))`

let server: RedisServer
let client: Redis

beforeAll(async () => {
  server = await startRedis()
  client = new Redis(server.port)
})

afterAll(async () => {
  client?.disconnect()
  await server?.stop()
})

describe('the expiry of a Redis key', () => {
  it.each(LIMITS.map((limit) => [describeLimit(limit), limit] as const))(
    'is at most two seconds after the limit has recovered: %s',
    async (name, limit) => {
      const store = redisStore({ client, prefix: PREFIX })
      const charge: Charge = { scope: 'expiry', key: name, limit, cost: 1, lease: 'one' }
      const [taken] = (await store.take([charge])) as [StoreVerdict]
      await expectExpirySoonAfter(charge, taken.at + taken.resetAfter)

      const [second] = (await store.take([{ ...charge, lease: 'two' }])) as [StoreVerdict]
      await expectExpirySoonAfter(charge, second.at + second.resetAfter)

      const before = await expiryOf(charge)
      await store.take([{ ...charge, cost: 1_000_000_000 }])
      await store.take([{ ...charge, cost: 0 }])
      await store.peek([charge])
      // The server counts whole milliseconds.
      expect(Math.abs((await expiryOf(charge)) - before)).toBeLessThanOrEqual(2)

      const { at, resetAfter } = second
      await store.settle([{ charge, taken: { cost: 1, at, resetAfter, lease: 'two' }, cost: 3 }])
      const [settled] = (await store.peek([{ ...charge, cost: 0 }])) as [StoreVerdict]
      await expectExpirySoonAfter(charge, settled.at + settled.resetAfter)
    },
  )

  it('follows the recovery of the limit, even after a settlement', async () => {
    const store = redisStore({ client, prefix: PREFIX })
    const limit: Limit = { algorithm: 'token-bucket', limit: 1, period: 100, burst: 100 }
    const charge: Charge = { scope: 'expiry', key: 'in use', limit, cost: 1 }
    for (let step = 0; step < 60; step++) {
      const [taken] = (await store.take([charge])) as [StoreVerdict]
      await expectExpirySoonAfter(charge, taken.at + taken.resetAfter)
    }
    const [more] = (await store.take([{ ...charge, cost: 30 }])) as [StoreVerdict]
    await store.settle([{ charge, taken: { ...more, cost: 30 }, cost: 0 }])
    const [settled] = (await store.peek([{ ...charge, cost: 0 }])) as [StoreVerdict]
    await expectExpirySoonAfter(charge, settled.at + settled.resetAfter)
  })

  it('is the latest possible for an extreme debt', async () => {
    const store = redisStore({ client, prefix: PREFIX })
    const limit: Limit = { algorithm: 'token-bucket', limit: 0.001, period: YEAR, burst: 1 }
    const charge: Charge = { scope: 'expiry', key: 'debt', limit, cost: 1 }
    const [taken] = (await store.take([charge])) as [StoreVerdict]
    await store.settle([{ charge, taken: { ...taken, cost: 1 }, cost: 1e300 }])
    expect(await store.peek([charge])).toMatchObject([{ allowed: false, remaining: 0 }])
    expect(await client.pttl(storeKey(PREFIX, 'expiry', 'debt'))).toBeGreaterThan(2 ** 52)
  })

  it('is immediate for a key without usage', async () => {
    const store = redisStore({ client, prefix: PREFIX })
    for (const limit of LIMITS) {
      const key = `new ${describeLimit(limit)}`
      const charge: Charge = { scope: 'expiry', key, limit, cost: 1, lease: 'one' }
      await store.take([{ ...charge, cost: 0 }])
      await store.take([{ ...charge, cost: 1_000_000_000 }])
      await store.peek([charge])
      expect(await client.exists(storeKey(PREFIX, 'expiry', key))).toBe(0)
      const [taken] = (await store.take([charge])) as [StoreVerdict]
      expect(await client.exists(storeKey(PREFIX, 'expiry', key))).toBe(1)
      // A bucket may keep a rounding error.
      if (limit.algorithm === 'token-bucket') continue
      await store.settle([{ charge, taken: { ...taken, cost: 1, lease: 'one' }, cost: 0 }])
      expect(await client.exists(storeKey(PREFIX, 'expiry', key))).toBe(0)
    }
  })
})

async function expectExpirySoonAfter(charge: Charge, refilled: number): Promise<void> {
  const expiresAt = await expiryOf(charge)
  expect(expiresAt).toBeGreaterThanOrEqual(refilled)
  expect(expiresAt).toBeLessThanOrEqual(refilled + 2000)
}

async function expiryOf({ scope, key }: Charge): Promise<number> {
  return Number(await client.eval(EXPIRES_AT, 1, storeKey(PREFIX, scope, key)))
}

function describeLimit(limit: Limit): string {
  return `${limit.algorithm} ${limit.limit} per ${limit.algorithm === 'concurrency' ? limit.lease : limit.period} ms`
}
