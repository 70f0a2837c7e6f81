import { setImmediate as nextTurn } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Limit } from '../../../src/limits/limit.js'
import { redisStore } from '../../../src/stores/redis/index.js'
import { storeKey } from '../../../src/stores/redis/redis-key.js'
import type { RedisStore } from '../../../src/stores/redis/redis-store.js'
import { type Charge, settlementOf } from '../../../src/stores/store.js'
import { type RedisServer, startRedis } from '../servers/redis.js'

const HOUR = 3_600_000
const TEN: Limit = { algorithm: 'fixed-window', limit: 10, period: HOUR }
const PREFIX = 'batches:'

let server: RedisServer
let client: Redis
let store: RedisStore

beforeAll(async () => {
  server = await startRedis()
  client = new Redis(server.port)
  store = redisStore({ client, prefix: PREFIX })
  await store.take([charge('warm up')])
})

afterAll(async () => {
  client?.disconnect()
  await server?.stop()
})

function charge(key: string, cost = 1, limit = TEN): Charge {
  return { scope: 's', key, limit, cost, lease: `${key} ${cost}` }
}

/** Returns the number of script calls that the server has executed. */
async function scriptCalls(): Promise<number> {
  const stats = await server.cli('info', 'commandstats')
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1])
}

describe('Batches', () => {
  it('sends all jobs of one turn of the event loop in one call', async () => {
    const before = await scriptCalls()
    const results = Array.from({ length: 100 }, async (_, index) => {
      // As on server sockets, requests arrive synchronously, in a microtask, or in a separate tick.
      if (index % 3 === 1) await Promise.resolve()
      if (index % 3 === 2) await new Promise<void>((resolve) => process.nextTick(resolve))
      return store.take([charge(`one call ${index % 20}`)])
    })
    const verdicts = (await Promise.all(results)).flat()
    expect(verdicts.every(({ allowed }) => allowed)).toBe(true)
    expect(await scriptCalls()).toBe(before + 1)
  })

  it('splits many jobs into several calls, so that no call blocks the server for long', async () => {
    const before = await scriptCalls()
    const limits = [1, 2, 3, 4, 5].map((n) => charge('much', 1, { ...TEN, period: HOUR + n }))
    const requests = Array.from({ length: 100 }, (_, index) =>
      limits.map((each, rule) => ({ ...each, scope: `rule ${rule}`, key: `much ${index}` })),
    )
    const verdicts = (await Promise.all(requests.map((charges) => store.take(charges)))).flat()
    expect(verdicts).toHaveLength(500)
    // A call contains up to 128 charges, so at most 25 requests with five charges.
    expect(await scriptCalls()).toBe(before + 4)
  })

  it('executes takes, settlements, resets and peeks in order', async () => {
    const one = charge('in order', 7)
    const [taken] = await store.take([one])
    if (taken === undefined) throw new Error('no verdict')
    const results = await Promise.all([
      store.take([one]),
      store.settle([settlementOf(one, taken, 2)]),
      store.take([one]),
      store.peek([{ ...one, cost: 0 }]),
      store.reset('s', 'in order'),
      store.take([one]),
    ])
    expect(results.flat().map((verdict) => verdict && [verdict.allowed, verdict.remaining])).toEqual([
      [false, 3],
      undefined,
      [true, 1],
      [true, 1],
      undefined,
      [true, 3],
    ])
  })

  it('decides each request of a call atomically', async () => {
    await store.take([charge('full', 10)])
    const results = await Promise.all([
      store.take([charge('shared', 4), charge('full')]),
      store.take([charge('shared', 6)]),
      store.take([charge('shared', 6), charge('free')]),
      store.take([charge('shared', 4), charge('free')]),
    ])
    expect(results.map((verdicts) => verdicts.map(({ allowed }) => allowed))).toEqual([
      [true, false],
      [true],
      [false, true],
      [true, true],
    ])
    const left = await store.peek([charge('shared', 0), charge('full', 0), charge('free', 0)])
    expect(left.map(({ remaining }) => remaining)).toEqual([0, 0, 9])
  })

  it('rejects only the failing jobs of a call', async () => {
    await client.rpush(storeKey(PREFIX, 's', 'a list'), 'foreign')
    await client.set(storeKey(PREFIX, 's', 'a string'), 'foreign')
    const invalidLimit = { ...TEN, limit: Number.NaN } as Limit
    const results = await Promise.allSettled([
      store.take([charge('valid')]),
      store.take([charge('valid'), charge('a list')]),
      store.take([charge('a string')]),
      store.take([charge('valid', 0.5)]),
      store.take([charge('valid', 1, invalidLimit)]),
      store.take([{ ...charge('valid'), key: undefined as unknown as string }]),
      store.reset('s', undefined as unknown as string),
      store.settle([{ charge: charge('valid'), taken: { cost: 1, at: Number.NaN, resetAfter: 0 }, cost: 0 }]),
      store.settle([{ charge: charge('valid'), taken: { cost: 1, at: Infinity, resetAfter: 0 }, cost: 0 }]),
      store.take([charge('valid')]),
    ])
    expect(
      results.map((result) =>
        result.status === 'fulfilled' ? result.value?.[0]?.remaining : String(result.reason),
      ),
    ).toEqual([
      9,
      expect.stringMatching(
        /the key batches:v2:\{a\+list\}:s holds a value that this version of sluice did not write/,
      ),
      expect.stringMatching(
        /the key batches:v2:\{a\+string\}:s holds a value that this version of sluice did not write/,
      ),
      expect.stringMatching(/RangeError/),
      expect.stringMatching(
        /TypeError: the limit, period, burst and lease of a limit must be finite numbers/,
      ),
      expect.stringMatching(/TypeError: 'scope' and 'key' must be strings/),
      expect.stringMatching(/TypeError: 'scope' and 'key' must be strings/),
      expect.stringMatching(/TypeError: a settlement requires/),
      expect.stringMatching(/TypeError: a settlement requires/),
      8,
    ])
  })

  it('counts equal limits in separate objects as one limit', async () => {
    const of = (cost: number): Charge => ({
      scope: 's',
      key: 'written twice',
      limit: { algorithm: 'token-bucket', limit: 10, period: HOUR, burst: 10 },
      cost,
    })
    const results = await Promise.all([4, 3, 5, 3, 1].map((cost) => store.take([of(cost)])))
    expect(results.flat().map(({ allowed }) => allowed)).toEqual([true, true, false, true, false])
    expect(await store.peek([of(0)])).toMatchObject([{ remaining: 0 }])
  })

  it('sends a call again after a script flush, and executes it only once', async () => {
    await client.script('FLUSH')
    const requests = Array.from({ length: 300 }, () => store.take([charge('forgotten')]))
    const verdicts = (await Promise.all(requests)).flat()
    expect(verdicts.filter(({ allowed }) => allowed)).toHaveLength(10)
  })
})

it('Batches sends the jobs of the next turn in the next call', async () => {
  const before = await scriptCalls()
  const first = store.take([charge('turns')])
  await nextTurn()
  const second = store.take([charge('turns')])
  expect((await Promise.all([first, second])).flat().map(({ remaining }) => remaining)).toEqual([9, 8])
  expect(await scriptCalls()).toBe(before + 2)
})
