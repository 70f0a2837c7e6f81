import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLimiter, manualClock } from '../../../src/index.js'
import type { Limit } from '../../../src/limits/limit.js'
import { IoRedisConnection } from '../../../src/stores/redis/clients/ioredis.js'
import { redisStore } from '../../../src/stores/redis/index.js'
import { ScriptStore } from '../../../src/stores/redis/redis-store.js'
import { cacheRefusals } from '../../../src/stores/redis/refusal-cache/caching-store.js'
import { type Charge, type StoreVerdict, settlementOf } from '../../../src/stores/store.js'
import { type RedisServer, startRedis } from '../servers/redis.js'

const HOUR = 3_600_000
const MAX_AGE_MS = 100
const PREFIX = 'refusals:'

let server: RedisServer
let client: Redis

beforeAll(async () => {
  server = await startRedis()
  client = new Redis(server.port)
  await redisStore({ client, prefix: PREFIX }).peek([charge('warm up', 0)])
})

afterAll(async () => {
  client?.disconnect()
  await server?.stop()
})

const TEN: Limit = { algorithm: 'token-bucket', limit: 10, period: HOUR, burst: 10 }

function charge(key: string, cost = 1): Charge {
  return { scope: 's', key, limit: TEN, cost }
}

/** Returns the store of a process whose clock the test controls. The server uses its own clock. */
function processWith(clock: { now(): number }) {
  const store = new ScriptStore(new IoRedisConnection(client, false), PREFIX)
  return cacheRefusals(store, { maxAgeMs: MAX_AGE_MS, clock })
}

/** Returns the number of script calls that the server has executed. */
async function scriptCalls(): Promise<number> {
  const stats = await server.cli('info', 'commandstats')
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1])
}

describe('a flood of refused requests', () => {
  it(`queries the server once per ${MAX_AGE_MS / 2} ms`, async () => {
    const clock = manualClock()
    const limiter = createLimiter({
      name: 'flood',
      rules: [{ limit: '10/hour' }, { name: 'day', limit: '1000/day' }, { concurrent: 5 }],
      store: processWith(clock),
    })
    for (let request = 0; request < 10; request++) {
      const decision = await limiter.admit('client')
      if (decision.allowed) await decision.permit.release()
    }
    const before = await scriptCalls()
    const waits: number[] = []
    for (let step = 0; step < 1000; step++) {
      clock.advance(1)
      for (let request = 0; request < 20; request++) {
        const decision = await limiter.admit('client')
        if (decision.allowed) throw new Error('the bucket is empty')
        expect(decision.refusal).toMatchObject({ rule: 'requests', remaining: 0, reason: 'exceeded' })
        if (request === 0) waits.push(decision.refusal.retryAfter)
      }
    }
    // 20,000 requests within a second.
    expect((await scriptCalls()) - before).toBe(1000 / (MAX_AGE_MS / 2))
    // Between two replies of the server, the reported wait decreases with time.
    const steps = waits.slice(1).map((wait, index) => (waits[index] as number) - wait)
    expect(steps.filter((each) => Math.abs(each - 1) < 1e-6).length).toBeGreaterThanOrEqual(960)
  })

  it('does not query the server again for 100 refused clients', async () => {
    const clock = manualClock()
    const store = processWith(clock)
    const clients = Array.from({ length: 100 }, (_, index) => charge(`one of many ${index}`, 10))
    await Promise.all(clients.map((each) => store.take([each])))
    await Promise.all(clients.map((each) => store.take([each])))
    const before = await scriptCalls()
    for (let round = 0; round < 50; round++)
      for (const each of clients)
        expect(store.take([each])).toMatchObject([{ allowed: false, remembered: true }])
    expect(await scriptCalls()).toBe(before)
  })
})

describe('a cached refusal', () => {
  it.each(['settles', 'resets'] as const)(
    `expires within ${MAX_AGE_MS} ms after another process %s`,
    async (change) => {
      const clock = manualClock()
      const [here, there] = [processWith(clock), processWith(manualClock())]
      const one = charge(`refunded: ${change}`, 10)
      const [taken] = (await there.take([one])) as [StoreVerdict]
      expect(await here.take([one])).toMatchObject([{ allowed: false }])
      if (change === 'settles') await there.settle([settlementOf(one, taken, 0)])
      else await there.reset(one.scope, one.key)
      clock.advance(MAX_AGE_MS / 2 - 0.5)
      expect(await here.take([one])).toMatchObject([{ allowed: false, remembered: true }])
      clock.advance(MAX_AGE_MS / 2 + 0.5)
      expect(await here.take([one])).toMatchObject([{ allowed: true, remaining: 0 }])
    },
  )

  it('is invalidated at once when this process settles', async () => {
    const here = processWith(manualClock())
    const one = charge('refunded here', 10)
    const [taken] = (await here.take([one])) as [StoreVerdict]
    expect(await here.take([one])).toMatchObject([{ allowed: false }])
    expect(await here.take([one])).toMatchObject([{ allowed: false, remembered: true }])
    const settled = here.settle([settlementOf(one, taken, 4)])
    expect(await here.take([charge('refunded here', 6)])).toMatchObject([{ allowed: true, remaining: 0 }])
    await settled
  })
})

describe('the option rememberRefusals', () => {
  it('disables the cache if it is 0', async () => {
    const longest = redisStore({ client, prefix: PREFIX, rememberRefusals: 1000 })
    await longest.take([charge('option', 10)])
    await longest.take([charge('option')])
    await expect.poll(() => longest.take([charge('option')])).toMatchObject([{ remembered: true }])
    const none = redisStore({ client, prefix: PREFIX, rememberRefusals: 0 })
    for (let call = 0; call < 3; call++)
      expect((await none.take([charge('option')]))[0]).not.toHaveProperty('remembered')
  })

  it.each([
    [-1, RangeError],
    [1001, RangeError],
    [Number.NaN, RangeError],
    ['100', TypeError],
  ])('rejects the value %s', (value, error) => {
    const options = { client, rememberRefusals: value as number }
    expect(() => redisStore(options)).toThrow(error)
    expect(() => redisStore(options)).toThrow(/'rememberRefusals' must be/)
  })
})
