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

const LONGEST = 100
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

/** A store behind a memory of refusals; how often it was asked to take, and the store itself, as another process has it. */
interface Remembering {
  readonly store: Store
  readonly elsewhere: Store
  readonly clock: ManualClock
  readonly asked: () => number
}

function remembering(): Remembering {
  const clock = manualClock()
  const elsewhere = memoryStore({ clock })
  let asked = 0
  const counted: Store = {
    take(charges) {
      asked++
      return elsewhere.take(charges)
    },
    peek: (charges) => elsewhere.peek(charges),
    settle: (settlements) => elsewhere.settle(settlements),
    reset: (scope, key) => elsewhere.reset(scope, key),
    close: () => elsewhere.close(),
  }
  const store = cacheRefusals(counted, { longest: LONGEST, clock })
  return { store, elsewhere, clock, asked: () => asked }
}

async function take(store: Store, ...charges: Charge[]): Promise<StoreVerdict[]> {
  return store.take(charges)
}

describe.each(Object.entries(LIMITS))('a refusal by a %s', (_name, limit) => {
  it('is answered without the store, as the store would', async () => {
    const { store, elsewhere, clock, asked } = remembering()
    await take(store, charge(limit, 10))
    await take(store, charge(limit))
    for (let flood = 0; flood < 1000; flood++) {
      clock.advance(LONGEST / 2 / 1001)
      const [verdict] = await take(store, charge(limit))
      const [truth] = (await elsewhere.peek([charge(limit)])) as [StoreVerdict]
      expect(verdict).toMatchObject({ allowed: false, remembered: true, remaining: truth.remaining })
      expect(verdict?.retryAfter).toBeCloseTo(truth.retryAfter, 6)
      expect(verdict?.resetAfter).toBeCloseTo(truth.resetAfter, 6)
      expect(verdict?.moreAfter).toBeCloseTo(truth.moreAfter, 6)
      expect(verdict?.at).toBeCloseTo(truth.at, 6)
    }
    expect(asked()).toBe(2)
  })

  it('does not judge a smaller cost that fits', async () => {
    const { store, asked } = remembering()
    await take(store, charge(limit, 6))
    expect(await take(store, charge(limit, 5))).toMatchObject([{ allowed: false }])
    expect(await take(store, charge(limit, 4))).toMatchObject([{ allowed: true, remaining: 0 }])
    expect(asked()).toBe(3)
  })

  it('says Infinity of a cost that never fits, and lets the others in', async () => {
    const { store, asked } = remembering()
    for (let call = 0; call < 5; call++) {
      const [verdict] = await take(store, charge(limit, 11))
      expect(verdict).toMatchObject({ allowed: false, remaining: 10, retryAfter: Number.POSITIVE_INFINITY })
    }
    expect(asked()).toBe(1)
    expect(await take(store, charge(limit, 10))).toMatchObject([{ allowed: true }])
  })

  it('is forgotten at once with what is settled and reset here', async () => {
    const { store } = remembering()
    const one = charge(limit, 10)
    const [taken] = (await take(store, one)) as [StoreVerdict]
    await take(store, charge(limit))
    await store.settle([settlementOf(one, taken, 4)])
    expect(await take(store, charge(limit, 6))).toMatchObject([{ allowed: true, remaining: 0 }])
    await take(store, charge(limit))
    await store.reset(limit.algorithm, 'key')
    expect(await take(store, charge(limit))).toMatchObject([{ allowed: true, remaining: 9 }])
  })

  it(`is forgotten within ${LONGEST} ms, whatever others do`, async () => {
    const { store, elsewhere, clock } = remembering()
    const one = charge(limit, 10)
    const [taken] = (await take(store, one)) as [StoreVerdict]
    await take(store, charge(limit))
    await elsewhere.settle([settlementOf(one, taken, 4)])
    clock.advance(LONGEST / 2 - 0.5)
    expect(await take(store, charge(limit))).toMatchObject([{ allowed: false, remembered: true }])
    clock.advance(0.5)
    expect(await take(store, charge(limit))).toMatchObject([{ allowed: true }])
  })

  it('is none under another limit', async () => {
    const { store, asked } = remembering()
    await take(store, charge(limit, 10))
    await take(store, charge(limit))
    const larger = { ...limit, limit: 20, ...(limit.algorithm === 'token-bucket' && { burst: 20 }) } as Limit
    await take(store, charge(larger, 11))
    expect(asked()).toBe(3)
  })

  it('leaves a peek and a cost of 0 alone', async () => {
    const { store, asked } = remembering()
    await take(store, charge(limit, 10))
    await take(store, charge(limit))
    expect(await take(store, charge(limit, 0))).toMatchObject([{ allowed: true, remaining: 0 }])
    expect(await store.peek([charge(limit)])).toMatchObject([{ allowed: false }])
    expect(asked()).toBe(3)
  })
})

it('a refusal is over when the store would let the request in', async () => {
  const { store, clock, asked } = remembering()
  const limit = bucket(10, 100)
  await take(store, charge(limit, 10))
  expect(await take(store, charge(limit))).toMatchObject([{ allowed: false, retryAfter: 10 }])
  clock.advance(9)
  expect(await take(store, charge(limit))).toMatchObject([{ allowed: false, remembered: true }])
  expect(await take(store, charge(limit, 3))).toMatchObject([{ allowed: false, remembered: true }])
  clock.advance(1)
  expect(await take(store, charge(limit))).toMatchObject([{ allowed: true }])
  expect(asked()).toBe(3)
})

it('nobody waits for longer because the answer took long, and nobody comes too early', async () => {
  const clock = manualClock()
  const inside = memoryStore({ clock })
  // The store decides as soon as it is asked, and the answer is 4 ms on its way.
  const slow: Store = {
    ...storeOf(inside),
    take: async (charges) => {
      const verdicts = await inside.take(charges)
      clock.advance(4)
      return verdicts
    },
  }
  const store = cacheRefusals(slow, { longest: LONGEST, clock })
  const limit = bucket(10, 100)
  await take(store, charge(limit, 10))
  clock.advance(-4)
  const [refused] = await take(store, charge(limit))
  expect(refused).toMatchObject({ allowed: false, retryAfter: 10 })
  const [again] = await take(store, charge(limit))
  expect(again).toMatchObject({ allowed: false, remembered: true, retryAfter: 10 })
  // 10 ms after the decision the unit is there, 6 ms after the answer.
  clock.advance(6)
  expect(await take(store, charge(limit))).toMatchObject([{ allowed: true }])
})

describe('a burst of requests whose refusal grows old', () => {
  it('sends one of them to the store, and the others only once it is over', async () => {
    const clock = manualClock()
    const inside = memoryStore({ clock })
    const held: (() => void)[] = []
    let holds = false
    let asked = 0
    const slow: Store = {
      ...storeOf(inside),
      take: async (charges) => {
        asked++
        const verdicts = await inside.take(charges)
        if (holds) await new Promise<void>((resolve) => held.push(resolve))
        return verdicts
      },
    }
    const store = cacheRefusals(slow, { longest: LONGEST, clock })
    const limit = bucket(10)
    await take(store, charge(limit, 10))
    await take(store, charge(limit))
    holds = true
    clock.advance(LONGEST / 2)
    const burst = Array.from({ length: 100 }, () => store.take([charge(limit)]))
    expect(burst.filter((answer) => answer instanceof Promise)).toHaveLength(1)
    clock.advance(LONGEST / 2 - 0.5)
    expect(store.take([charge(limit)])).toMatchObject([{ allowed: false, remembered: true }])
    expect(asked).toBe(3)
    clock.advance(0.5)
    const over = Array.from({ length: 10 }, () => store.take([charge(limit)]))
    expect(asked).toBe(13)
    await expect.poll(() => held.length).toBe(11)
    for (const release of held) release()
    expect((await Promise.all([...burst, ...over])).flat().every(({ allowed }) => !allowed)).toBe(true)
  })
})

describe('several charges', () => {
  const full = bucket(10)
  const wide: Limit = { algorithm: 'sliding-window', limit: 100, period: HOUR }

  it('are told together: what refuses, and how the others stand', async () => {
    const { store, asked } = remembering()
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
    expect(asked()).toBe(2)
  })

  it('are asked for where one of them is not known', async () => {
    const { store, asked } = remembering()
    await take(store, charge(full, 10))
    await take(store, charge(full))
    await take(store, charge(full), charge(wide))
    expect(asked()).toBe(3)
  })

  it('are asked for where two are to one key', async () => {
    const { store, asked } = remembering()
    await take(store, charge(full, 6))
    for (let call = 0; call < 3; call++)
      expect((await take(store, charge(full, 3), charge(full, 3))).map(({ allowed }) => allowed)).toEqual([
        true,
        false,
      ])
    expect(asked()).toBe(4)
  })

  it('are asked for where only a shadow rule is exceeded', async () => {
    const { store, asked } = remembering()
    const shadow = { enforce: false }
    await take(store, charge(full, 10))
    await take(store, charge(full), charge(wide, 101))
    const before = asked()
    const verdicts = await take(store, charge(full, 1, 'key', shadow), charge(wide))
    expect(verdicts.map(({ allowed }) => allowed)).toEqual([false, true])
    expect(asked()).toBe(before + 1)
    expect((await store.peek([charge(wide, 0)]))[0]).toMatchObject({ remaining: 99 })
  })

  it('are asked for where slots are what refuses: they may be free at any moment', async () => {
    const { store, elsewhere, asked } = remembering()
    const held = charge(SLOTS, 2)
    const [taken] = (await take(store, held)) as [StoreVerdict]
    await take(store, charge(SLOTS))
    await take(store, charge(SLOTS))
    expect(asked()).toBe(3)
    await elsewhere.settle([settlementOf(held, taken, 0)])
    expect(await take(store, charge(SLOTS))).toMatchObject([{ allowed: true }])
  })

  it('are refused whole where one cannot be counted', async () => {
    const { store } = remembering()
    const window = LIMITS['fixed-window'] as Limit
    await take(store, charge(full, 10), charge(window))
    await take(store, charge(full), charge(window))
    expect(() => store.take([charge(full), charge(window, 0.5)])).toThrow(RangeError)
  })
})

describe('an answer that was on its way while something changed', () => {
  it.each(['settle', 'reset'] as const)('is not remembered: %s', async (change) => {
    const clock = manualClock()
    const inside = memoryStore({ clock })
    const held: (() => void)[] = []
    let holds = false
    const store = cacheRefusals(
      {
        ...storeOf(inside),
        take: async (charges) => {
          const verdicts = await inside.take(charges)
          if (holds) await new Promise<void>((resolve) => held.push(resolve))
          return verdicts
        },
      },
      { longest: LONGEST, clock },
    )
    const limit = bucket(10)
    const one = charge(limit, 10)
    const [taken] = (await take(store, one)) as [StoreVerdict]
    holds = true
    const refused = take(store, charge(limit))
    await expect.poll(() => held.length).toBe(1)
    if (change === 'settle') await store.settle([settlementOf(one, taken, 0)])
    else await store.reset(one.scope, one.key)
    holds = false
    held[0]?.()
    expect(await refused).toMatchObject([{ allowed: false }])
    expect(await take(store, charge(limit))).toMatchObject([{ allowed: true }])
  })
})

it('more keys than are remembered cost a call each, and what is settled is forgotten all the same', async () => {
  const { store, asked } = remembering()
  const limit = bucket(1)
  const keys = Array.from({ length: 20_000 }, (_, key) => `key ${key}`)
  for (const key of keys) await take(store, charge(limit, 1, key))
  for (const key of keys) await take(store, charge(limit, 1, key))
  const before = asked()
  for (const key of keys) await take(store, charge(limit, 1, key))
  expect(asked() - before).toBe(20_000 - 16_384)
  for (const key of ['key 3', 'key 19000']) {
    const one = charge(limit, 1, key)
    await store.settle([{ charge: one, taken: { cost: 1, at: 0, resetAfter: HOUR }, cost: 0 }])
    expect(await take(store, one)).toMatchObject([{ allowed: true }])
  }
})

it('tells a breaker nothing of the store', async () => {
  const clock = manualClock()
  const inside = memoryStore({ clock })
  let isUp = true
  const flaky: Store = {
    ...storeOf(inside),
    take: (charges) => {
      if (!isUp) throw new Error('the store is away')
      return inside.take(charges)
    },
  }
  const store = withFailurePolicy(cacheRefusals(flaky, { longest: LONGEST, clock }), {
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

describe('any trace through a memory of refusals is decided as without', () => {
  interface Step {
    readonly kind: 'take' | 'settle' | 'reset'
    readonly wait: number
    /** How often it is asked for. */
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

  it('and is often told', async () => {
    let told = 0
    const repeated = (each: Step) =>
      Array.from({ length: each.times }, (_, n) => (n === 0 ? each : { ...each, wait: 0.5 }))
    await fc.assert(
      fc.asyncProperty(fc.nat(5), steps, async (from, steps) => {
        const clock = manualClock(1000)
        const bare = memoryStore({ clock })
        const store = cacheRefusals(memoryStore({ clock }), { longest: LONGEST, clock })
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
            if (actual.some(({ remembered }) => remembered)) told++
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
    expect(told).toBeGreaterThan(500)
  })
})

/** To a millionth of a millisecond. */
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
