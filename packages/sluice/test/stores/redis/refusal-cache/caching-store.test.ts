import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Limit } from '../../../../src/limits/limit.js'
import { memoryStore } from '../../../../src/stores/memory/memory-store.js'
import { cacheRefusals } from '../../../../src/stores/redis/refusal-cache/caching-store.js'
import { withFailurePolicy } from '../../../../src/stores/resilience/failure-policy.js'
import {
  type Charge,
  type Settlement,
  type Store,
  type StoreVerdict,
  settlementOf,
} from '../../../../src/stores/store.js'
import { type ManualClock, manualClock } from '../../../../src/time/clock.js'

const MAX_AGE_MS = 100
const HOUR = 3_600_000

const bucket = (limit: number, period = HOUR): Limit => ({
  algorithm: 'token-bucket',
  limit,
  period,
  burst: limit,
})
const LIMITS: Record<string, Limit> = {
  'token-bucket': bucket(10),
  'fixed-window': { algorithm: 'fixed-window', limit: 10, period: HOUR },
  'sliding-window': { algorithm: 'sliding-window', limit: 10, period: HOUR },
  'sliding-log': { algorithm: 'sliding-log', limit: 10, period: HOUR },
}
const SLOTS: Limit = { algorithm: 'concurrency', limit: 2, lease: HOUR }

let leases = 0

function charge(limit: Limit, cost = 1, key = 'key', more: Partial<Charge> = {}): Charge {
  return { scope: limit.algorithm, key, limit, cost, lease: `lease ${leases++}`, ...more }
}

/**
 * A store with a refusal cache, the underlying store as another process uses it, and the number of
 * takes.
 */
interface CachedFixture {
  readonly store: Store
  readonly remote: Store
  readonly clock: ManualClock
  readonly takes: () => number
}

function cachedStore(): CachedFixture {
  const clock = manualClock()
  const remote = memoryStore({ clock })
  let takes = 0
  const counted: Store = {
    take(charges) {
      takes++
      return remote.take(charges)
    },
    peek: (charges) => remote.peek(charges),
    settle: (settlements) => remote.settle(settlements),
    reset: (scope, key) => remote.reset(scope, key),
    close: () => remote.close(),
  }
  const store = cacheRefusals(counted, { maxAgeMs: MAX_AGE_MS, clock })
  return { store, remote, clock, takes: () => takes }
}

async function take(store: Store, ...charges: Charge[]): Promise<StoreVerdict[]> {
  return store.take(charges)
}

describe.each(Object.entries(LIMITS))('a refusal by a %s', (_name, limit) => {
  it('is repeated without a query, with the verdict that the store would return', async () => {
    const { store, remote, clock, takes } = cachedStore()
    await take(store, charge(limit, 10))
    await take(store, charge(limit))
    for (let flood = 0; flood < 1000; flood++) {
      clock.advance(MAX_AGE_MS / 2 / 1001)
      const [verdict] = await take(store, charge(limit))
      const [peeked] = (await remote.peek([charge(limit)])) as [StoreVerdict]
      expect(verdict).toMatchObject({ allowed: false, remembered: true, remaining: peeked.remaining })
      expect(verdict?.retryAfter).toBeCloseTo(peeked.retryAfter, 6)
      expect(verdict?.resetAfter).toBeCloseTo(peeked.resetAfter, 6)
      expect(verdict?.moreAfter).toBeCloseTo(peeked.moreAfter, 6)
      expect(verdict?.at).toBeCloseTo(peeked.at, 6)
    }
    expect(takes()).toBe(2)
  })

  it('never answers a charge with a penalty, so it swallows no request that starts one', async () => {
    const { store, clock, takes } = cachedStore()
    const penalized = () => charge(limit, 1, 'key', { penalty: { durationMs: 50, growth: 1, maxMs: 50 } })
    await take(store, charge(limit, 10))
    await take(store, charge(limit))
    for (let request = 0; request < 3; request++)
      expect((await take(store, penalized()))[0]).not.toHaveProperty('remembered')
    expect(takes()).toBe(5)
    clock.advance(10)
    // A refusal by a penalty is not cached for other charges either.
    const [verdict] = await take(store, charge(limit))
    expect(verdict?.remaining).toBe(0)
    expect(verdict).toHaveProperty('remembered')
  })

  it('does not refuse a smaller cost that fits', async () => {
    const { store, takes } = cachedStore()
    await take(store, charge(limit, 6))
    expect(await take(store, charge(limit, 5))).toMatchObject([{ allowed: false }])
    expect(await take(store, charge(limit, 4))).toMatchObject([{ allowed: true, remaining: 0 }])
    expect(takes()).toBe(3)
  })

  it('reports Infinity for a cost above the capacity, and does not refuse a smaller cost', async () => {
    const { store, takes } = cachedStore()
    for (let call = 0; call < 5; call++) {
      const [verdict] = await take(store, charge(limit, 11))
      expect(verdict).toMatchObject({ allowed: false, remaining: 10, retryAfter: Number.POSITIVE_INFINITY })
    }
    expect(takes()).toBe(1)
    expect(await take(store, charge(limit, 10))).toMatchObject([{ allowed: true }])
  })

  it('is invalidated at once by local settlements and resets', async () => {
    const { store } = cachedStore()
    const one = charge(limit, 10)
    const [taken] = (await take(store, one)) as [StoreVerdict]
    await take(store, charge(limit))
    await store.settle([settlementOf(one, taken, 4)])
    expect(await take(store, charge(limit, 6))).toMatchObject([{ allowed: true, remaining: 0 }])
    await take(store, charge(limit))
    await store.reset(limit.algorithm, 'key')
    expect(await take(store, charge(limit))).toMatchObject([{ allowed: true, remaining: 9 }])
  })

  it(`expires within ${MAX_AGE_MS} ms, so that changes by other processes take effect`, async () => {
    const { store, remote, clock } = cachedStore()
    const one = charge(limit, 10)
    const [taken] = (await take(store, one)) as [StoreVerdict]
    await take(store, charge(limit))
    await remote.settle([settlementOf(one, taken, 4)])
    clock.advance(MAX_AGE_MS / 2 - 0.5)
    expect(await take(store, charge(limit))).toMatchObject([{ allowed: false, remembered: true }])
    clock.advance(0.5)
    expect(await take(store, charge(limit))).toMatchObject([{ allowed: true }])
  })

  it('does not apply to another limit', async () => {
    const { store, takes } = cachedStore()
    await take(store, charge(limit, 10))
    await take(store, charge(limit))
    const larger = { ...limit, limit: 20, ...(limit.algorithm === 'token-bucket' && { burst: 20 }) } as Limit
    await take(store, charge(larger, 11))
    expect(takes()).toBe(3)
  })

  it('does not affect peeks or costs of 0', async () => {
    const { store, takes } = cachedStore()
    await take(store, charge(limit, 10))
    await take(store, charge(limit))
    expect(await take(store, charge(limit, 0))).toMatchObject([{ allowed: true, remaining: 0 }])
    expect(await store.peek([charge(limit)])).toMatchObject([{ allowed: false }])
    expect(takes()).toBe(3)
  })
})

it('a refusal cache admits a request as soon as the store would', async () => {
  const { store, clock, takes } = cachedStore()
  const limit = bucket(10, 100)
  await take(store, charge(limit, 10))
  expect(await take(store, charge(limit))).toMatchObject([{ allowed: false, retryAfter: 10 }])
  clock.advance(9)
  expect(await take(store, charge(limit))).toMatchObject([{ allowed: false, remembered: true }])
  expect(await take(store, charge(limit, 3))).toMatchObject([{ allowed: false, remembered: true }])
  clock.advance(1)
  expect(await take(store, charge(limit))).toMatchObject([{ allowed: true }])
  expect(takes()).toBe(3)
})

it('a refusal cache neither extends nor shortens the wait when a response is slow', async () => {
  const clock = manualClock()
  const inner = memoryStore({ clock })
  // The store decides at once, and its response takes 4 ms.
  const slow: Store = {
    ...storeOf(inner),
    take: async (charges) => {
      const verdicts = await inner.take(charges)
      clock.advance(4)
      return verdicts
    },
  }
  const store = cacheRefusals(slow, { maxAgeMs: MAX_AGE_MS, clock })
  const limit = bucket(10, 100)
  await take(store, charge(limit, 10))
  clock.advance(-4)
  const [refused] = await take(store, charge(limit))
  expect(refused).toMatchObject({ allowed: false, retryAfter: 10 })
  const [again] = await take(store, charge(limit))
  expect(again).toMatchObject({ allowed: false, remembered: true, retryAfter: 10 })
  // The unit is available 10 ms after the decision, 6 ms after the response.
  clock.advance(6)
  expect(await take(store, charge(limit))).toMatchObject([{ allowed: true }])
})

describe('a burst of requests with a cached refusal', () => {
  it('refreshes the refusal with one query, and sends further queries only after it has expired', async () => {
    const clock = manualClock()
    const inner = memoryStore({ clock })
    const held: (() => void)[] = []
    let isBlocked = false
    let takes = 0
    const slow: Store = {
      ...storeOf(inner),
      take: async (charges) => {
        takes++
        const verdicts = await inner.take(charges)
        if (isBlocked) await new Promise<void>((resolve) => held.push(resolve))
        return verdicts
      },
    }
    const store = cacheRefusals(slow, { maxAgeMs: MAX_AGE_MS, clock })
    const limit = bucket(10)
    await take(store, charge(limit, 10))
    await take(store, charge(limit))
    isBlocked = true
    clock.advance(MAX_AGE_MS / 2)
    const burst = Array.from({ length: 100 }, () => store.take([charge(limit)]))
    expect(burst.filter((response) => response instanceof Promise)).toHaveLength(1)
    clock.advance(MAX_AGE_MS / 2 - 0.5)
    expect(store.take([charge(limit)])).toMatchObject([{ allowed: false, remembered: true }])
    expect(takes).toBe(3)
    clock.advance(0.5)
    const later = Array.from({ length: 10 }, () => store.take([charge(limit)]))
    expect(takes).toBe(13)
    await expect.poll(() => held.length).toBe(11)
    for (const release of held) release()
    expect((await Promise.all([...burst, ...later])).flat().every(({ allowed }) => !allowed)).toBe(true)
  })
})

describe('a request with several charges', () => {
  const full = bucket(10)
  const wide: Limit = { algorithm: 'sliding-window', limit: 100, period: HOUR }

  it('is refused from the cache with a verdict on every charge', async () => {
    const { store, takes } = cachedStore()
    await take(store, charge(full, 10), charge(wide, 30))
    const request = () => [charge(full), charge(wide, 5), charge(SLOTS)]
    const first = await take(store, ...request())
    const second = await take(store, ...request())
    expect(first.map(({ allowed, remaining }) => [allowed, remaining])).toEqual([
      [false, 0],
      [true, 70],
      [true, 2],
    ])
    expect(second).toEqual(first.map((verdict) => ({ ...verdict, remembered: true })))
    expect(takes()).toBe(2)
  })

  it('is sent to the store if one charge is not cached', async () => {
    const { store, takes } = cachedStore()
    await take(store, charge(full, 10))
    await take(store, charge(full))
    await take(store, charge(full), charge(wide))
    expect(takes()).toBe(3)
  })

  it('is sent to the store if two charges have the same key', async () => {
    const { store, takes } = cachedStore()
    await take(store, charge(full, 6))
    for (let call = 0; call < 3; call++)
      expect((await take(store, charge(full, 3), charge(full, 3))).map(({ allowed }) => allowed)).toEqual([
        true,
        false,
      ])
    expect(takes()).toBe(4)
  })

  it('is sent to the store if only a shadow rule is exceeded', async () => {
    const { store, takes } = cachedStore()
    const shadow = { enforce: false }
    await take(store, charge(full, 10))
    await take(store, charge(full), charge(wide, 101))
    const before = takes()
    const verdicts = await take(store, charge(full, 1, 'key', shadow), charge(wide))
    expect(verdicts.map(({ allowed }) => allowed)).toEqual([false, true])
    expect(takes()).toBe(before + 1)
    expect((await store.peek([charge(wide, 0)]))[0]).toMatchObject({ remaining: 99 })
  })

  it('is sent to the store if it is refused only for lack of slots, which may become free at any moment', async () => {
    const { store, remote, takes } = cachedStore()
    const held = charge(SLOTS, 2)
    const [taken] = (await take(store, held)) as [StoreVerdict]
    await take(store, charge(SLOTS))
    await take(store, charge(SLOTS))
    expect(takes()).toBe(3)
    await remote.settle([settlementOf(held, taken, 0)])
    expect(await take(store, charge(SLOTS))).toMatchObject([{ allowed: true }])
  })

  it('is rejected if one charge is invalid', async () => {
    const { store } = cachedStore()
    const window = LIMITS['fixed-window'] as Limit
    await take(store, charge(full, 10), charge(window))
    await take(store, charge(full), charge(window))
    expect(() => store.take([charge(full), charge(window, 0.5)])).toThrow(RangeError)
  })
})

describe('a response that was in flight during a change', () => {
  it.each(['settle', 'reset'] as const)('is not cached after a %s', async (change) => {
    const clock = manualClock()
    const inner = memoryStore({ clock })
    const held: (() => void)[] = []
    let isBlocked = false
    const store = cacheRefusals(
      {
        ...storeOf(inner),
        take: async (charges) => {
          const verdicts = await inner.take(charges)
          if (isBlocked) await new Promise<void>((resolve) => held.push(resolve))
          return verdicts
        },
      },
      { maxAgeMs: MAX_AGE_MS, clock },
    )
    const limit = bucket(10)
    const one = charge(limit, 10)
    const [taken] = (await take(store, one)) as [StoreVerdict]
    isBlocked = true
    const refused = take(store, charge(limit))
    await expect.poll(() => held.length).toBe(1)
    if (change === 'settle') await store.settle([settlementOf(one, taken, 0)])
    else await store.reset(one.scope, one.key)
    isBlocked = false
    held[0]?.()
    expect(await refused).toMatchObject([{ allowed: false }])
    expect(await take(store, charge(limit))).toMatchObject([{ allowed: true }])
  })
})

it('a full refusal cache queries the store for each further key, and still invalidates settled keys', async () => {
  const { store, takes } = cachedStore()
  const limit = bucket(1)
  const keys = Array.from({ length: 20_000 }, (_, key) => `key ${key}`)
  for (const key of keys) await take(store, charge(limit, 1, key))
  for (const key of keys) await take(store, charge(limit, 1, key))
  const before = takes()
  for (const key of keys) await take(store, charge(limit, 1, key))
  expect(takes() - before).toBe(20_000 - 16_384)
  for (const key of ['key 3', 'key 19000']) {
    const one = charge(limit, 1, key)
    await store.settle([{ charge: one, taken: { cost: 1, at: 0, resetAfter: HOUR }, cost: 0 }])
    expect(await take(store, one)).toMatchObject([{ allowed: true }])
  }
})

it('a cached refusal does not count as a success of the store for the breaker', async () => {
  const clock = manualClock()
  const inner = memoryStore({ clock })
  let isUp = true
  const flaky: Store = {
    ...storeOf(inner),
    take: (charges) => {
      if (!isUp) throw new Error('the store is down')
      return inner.take(charges)
    },
  }
  const store = withFailurePolicy(cacheRefusals(flaky, { maxAgeMs: MAX_AGE_MS, clock }), {
    policy: 'closed',
    failures: 3,
  })
  const limit = bucket(10)
  await take(store, charge(limit, 10))
  await take(store, charge(limit))
  isUp = false
  for (let failure = 0; failure < 3; failure++) {
    await expect(async () => store.take([charge(limit, 1, 'unknown')])).rejects.toThrow()
    if (failure < 2)
      expect(await take(store, charge(limit))).toMatchObject([{ allowed: false, remembered: true }])
  }
  expect(store.stats()).toMatchObject({ state: 'open', failures: 3 })
})

describe('a trace of calls with a refusal cache', () => {
  interface Step {
    readonly kind: 'take' | 'settle' | 'reset'
    readonly wait: number
    /** Number of repetitions. */
    readonly times: number
    readonly uses: readonly {
      readonly key: string
      readonly limit: number
      readonly cost: number
      readonly enforce: boolean
    }[]
    readonly which: number
  }
  const step: fc.Arbitrary<Step> = fc.record({
    kind: fc.constantFrom('take', 'take', 'take', 'take', 'take', 'take', 'settle', 'reset'),
    wait: fc.constantFrom(0, 0, 0, 0, 0.25, 1, 7, 30, 99, 100, 500, 20_000),
    times: fc.constantFrom(1, 1, 2, 5),
    uses: fc.array(
      fc.record({
        key: fc.constantFrom('a', 'a', 'a', 'b'),
        limit: fc.constantFrom(0, 0, 0, 1),
        cost: fc.constantFrom(0, 1, 1, 1, 2, 3, 7, 11),
        enforce: fc.constantFrom(true, true, true, false),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    which: fc.nat(4),
  })
  const limits: Limit[] = [
    bucket(10, 1000),
    bucket(5, 60_000),
    { algorithm: 'fixed-window', limit: 5, period: 1000 },
    { algorithm: 'sliding-window', limit: 5, period: 1000 },
    { algorithm: 'sliding-log', limit: 5, period: 1000 },
    { algorithm: 'concurrency', limit: 3, lease: 1000 },
  ]

  const steps = fc.array(step, { minLength: 1, maxLength: 60, size: 'max' })

  it('returns the same verdicts as without the cache, often without a query', async () => {
    let hits = 0
    const repeated = (each: Step) =>
      Array.from({ length: each.times }, (_, n) => (n === 0 ? each : { ...each, wait: 0.5 }))
    await fc.assert(
      fc.asyncProperty(fc.nat(5), steps, async (from, steps) => {
        const clock = manualClock(1000)
        const bare = memoryStore({ clock })
        const store = cacheRefusals(memoryStore({ clock }), { maxAgeMs: MAX_AGE_MS, clock })
        const taken: Settlement[] = []
        for (const { kind, wait, uses, which } of steps.flatMap(repeated)) {
          clock.advance(wait)
          const charges = uses.map(({ key, limit, cost, enforce }) =>
            charge(limits[(from + limit) % 6] as Limit, cost, key, { scope: `rule ${limit}`, enforce }),
          )
          const [first] = charges as [Charge]
          if (kind === 'reset') {
            bare.reset(first.scope, first.key)
            store.reset(first.scope, first.key)
          } else if (kind === 'settle') {
            const settlement = taken.at(-1 - which)
            if (settlement === undefined) continue
            const cost = (uses[0] as Step['uses'][number]).cost
            bare.settle([{ ...settlement, cost }])
            store.settle([{ ...settlement, cost }])
          } else {
            const expected = (await bare.take(charges)) as StoreVerdict[]
            const actual = (await store.take(charges)) as StoreVerdict[]
            expect(actual.map(rounded)).toEqual(expected.map(rounded))
            if (actual.some(({ remembered }) => remembered)) hits++
            if (expected.some(({ allowed }, index) => !allowed && charges[index]?.enforce !== false)) continue
            charges.forEach((each, index) => {
              const verdict = expected[index] as StoreVerdict
              if (verdict.allowed) taken.push(settlementOf(each, verdict, each.cost))
            })
          }
        }
      }),
      { seed: 20261126, numRuns: 400 },
    )
    expect(hits).toBeGreaterThan(500)
  })
})

/** Rounds times to a millionth of a millisecond. */
function rounded({ allowed, remaining, ...times }: StoreVerdict) {
  const { at, resetAfter, retryAfter, moreAfter } = times
  const times6 = [at, resetAfter, retryAfter, moreAfter].map((time) => Math.round(time * 1e6) / 1e6 + 0)
  return [allowed, remaining, ...times6]
}

function storeOf(store: Store): Store {
  return {
    take: (charges) => store.take(charges),
    peek: (charges) => store.peek(charges),
    settle: (settlements) => store.settle(settlements),
    reset: (scope, key) => store.reset(scope, key),
    close: () => store.close(),
  }
}
