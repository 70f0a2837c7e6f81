import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LimiterEvent } from '../../src/limiter/event.js'
import { createLimiter } from '../../src/limiter/limiter.js'
import type { Permit } from '../../src/limiter/permit.js'
import type { Store } from '../../src/stores/store.js'
import { type ManualClock, manualClock } from '../../src/time/clock.js'
import { clockedStores, STORE_KINDS } from './clocked-stores.js'

const HOUR = 3_600_000
const THRESHOLDS = [0.25, 0.5, 0.8, 1]

interface Call {
  readonly cost: number
}

const STEP = fc.oneof(
  { arbitrary: fc.record({ does: fc.constant('admit' as const), cost: fc.nat(6) }), weight: 6 },
  {
    arbitrary: fc.record({ does: fc.constant('settle' as const), which: fc.nat(3), cost: fc.nat(9) }),
    weight: 4,
  },
  { arbitrary: fc.record({ does: fc.constant('charge' as const), cost: fc.nat(4) }), weight: 1 },
  {
    arbitrary: fc.record({ does: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: HOUR / 2 }) }),
    weight: 2,
  },
)
const PLAN = fc.record({
  limit: fc.integer({ min: 4, max: 20 }),
  soft: fc.boolean(),
  reserves: fc.boolean(),
  steps: fc.array(STEP, { minLength: 5, maxLength: 40 }),
})
type Plan = typeof PLAN extends fc.Arbitrary<infer T> ? T : never

const storeOf = clockedStores()

type Threshold = LimiterEvent & { readonly type: 'threshold' }

describe.each(STORE_KINDS)('thresholds and soft limits on the %s store', (kind) => {
  const newStore = (clock: ManualClock) => storeOf(kind, clock)

  it('follow the settled use of a model that keeps every request', async () => {
    await fc.assert(
      fc.asyncProperty(PLAN, (plan) => play(plan, newStore)),
      { seed: 20_261_203, numRuns: 80 },
    )
  })

  it('have windows, IDs and events of their own for each window of the first request', async () => {
    const clock = manualClock(1.8e12 + 123.456)
    const store = newStore(clock)
    const events: Threshold[] = []
    const limiter = createLimiter({
      name: 'w',
      store,
      rules: [{ name: 'few', limit: '4 per 2 hours', algorithm: 'fixed-window', warn: ['50%', 1] }],
      listener: (event) => void (event.type === 'threshold' && events.push(event)),
    })
    for (let window = 0; window < 2; window++) {
      for (let each = 0; each < 6; each++) await limiter.admit('one')
      clock.advance(2 * HOUR)
    }
    await store.close()
    expect(events.map(({ threshold, used, start, reset }) => [threshold, used, reset - start])).toEqual([
      [0.5, 2, 2 * HOUR],
      [1, 4, 2 * HOUR],
      [0.5, 2, 2 * HOUR],
      [1, 4, 2 * HOUR],
    ])
    expect(new Set(events.map(({ id }) => id)).size).toBe(4)
    expect(events[0]?.start).toBe(1.8e12 + 123)
  })

  it('charge the other rules of a request, however much it reserves', async () => {
    const clock = manualClock(1.8e12)
    const store = newStore(clock)
    const limiter = createLimiter<Call>({
      name: 'absurd',
      store,
      rules: [
        {
          ...{ name: 'tokens', limit: '10/day', of: 'tokens', algorithm: 'fixed-window' },
          ...{ soft: true, warn: ['50%'], by: () => 'all', cost: ({ cost }) => cost },
        },
        { name: 'calls', limit: '3/hour', algorithm: 'fixed-window', by: () => 'all' },
      ],
    })
    const allowed: boolean[] = []
    for (const cost of [9e9, 9e9, 1, 1]) allowed.push((await limiter.admit({ cost })).allowed)
    await store.close()
    expect(allowed).toEqual([true, true, true, false])
  })

  it('count no absurd reservation as settled use, and settle it with the actual cost', async () => {
    const clock = manualClock(1.8e12)
    const store = newStore(clock)
    const reached: number[] = []
    const limiter = createLimiter<Call>({
      name: 'stated',
      store,
      rules: [
        {
          ...{ name: 'tokens', limit: '1000/day', of: 'tokens', algorithm: 'fixed-window' },
          ...{ soft: true, warn: ['50%'], by: () => 'all', cost: ({ cost }) => cost },
        },
      ],
      listener: (event) => void (event.type === 'threshold' && reached.push(event.used)),
    })
    const permits: Permit[] = []
    for (let each = 0; each < 20; each++) {
      const decision = await limiter.admit({ cost: 1e12 })
      if (decision.allowed) permits.push(decision.permit)
    }
    expect(permits).toHaveLength(20)
    for (const permit of permits.slice(1)) await permit.settle({ tokens: 10 })
    expect(reached).toEqual([])
    await permits[0]?.settle({ tokens: 400 })
    const [usage] = (await limiter.usage({ cost: 1 })).rules
    await store.close()
    expect(reached).toEqual([590])
    expect(usage).toMatchObject({ used: 590, left: 410 })
  })

  it('count above a soft limit of each algorithm, and report by how much', async () => {
    for (const algorithm of ['token-bucket', 'fixed-window', 'sliding-window', 'sliding-log'] as const) {
      const clock = manualClock(1.8e12)
      const store = newStore(clock)
      const limiter = createLimiter<Call>({
        name: algorithm,
        store,
        rules: [
          {
            name: 'soft',
            limit: '10/hour',
            algorithm,
            soft: true,
            by: () => 'all',
            cost: ({ cost }) => cost,
          },
          { name: 'hard', limit: '30/hour', by: () => 'all', cost: ({ cost }) => cost },
        ],
      })
      const overruns: (number | undefined)[] = []
      for (const cost of [6, 6, 20, 13]) {
        const { allowed, quotas } = await limiter.admit({ cost })
        overruns.push(allowed ? quotas[0]?.overrun && Math.round(quotas[0].overrun) : -1)
      }
      // The third request is refused by the other rule, and counts nowhere.
      expect(overruns, algorithm).toEqual([undefined, 2, -1, 15])
      const [usage] = (await limiter.usage({ cost: 1 })).rules
      expect(usage, algorithm).toMatchObject({ rule: 'soft', used: 25, left: 0 })
      await store.close()
    }
  })
})

/** One request of the model. */
interface Modelled {
  readonly window: number
  readonly cost: number
  readonly permit: Permit
}

/** Plays a plan under one rule in calendar hours, against counts that are kept by hand. */
async function play({ limit, soft, reserves, steps }: Plan, newStore: (clock: ManualClock) => Store) {
  const clock = manualClock(500_000 * HOUR)
  const store = newStore(clock)
  const events: Threshold[] = []
  const resource = reserves ? 'tokens' : 'rows'
  const limiter = createLimiter<Call>({
    name: 'play',
    store,
    rules: [
      {
        name: 'hourly',
        limit: `${limit}/hour`,
        of: resource,
        by: () => 'all',
        cost: ({ cost }) => cost,
        algorithm: 'fixed-window',
        align: 'calendar',
        warn: THRESHOLDS,
        soft,
      },
    ],
    listener: (event) => void (event.type === 'threshold' && events.push(event)),
  })
  let count = 0
  let reserved = 0
  let open: Modelled[] = []
  const expected = new Set<string>()
  const windowOf = () => Math.floor(clock.now() / HOUR)
  const observe = (used = count) => {
    for (const threshold of THRESHOLDS)
      if (used - reserved >= threshold * limit) expected.add(`${windowOf()} ${threshold}`)
  }
  const seen = () => (soft ? count : Math.min(count, limit))
  try {
    for (const step of steps) {
      if (step.does === 'wait') {
        const before = windowOf()
        clock.advance(step.ms)
        if (windowOf() !== before) count = reserved = 0
      } else if (step.does === 'charge') {
        await limiter.charge({ cost: 0 }, step.cost)
        count += step.cost
        if (step.cost > 0) observe()
      } else if (step.does === 'admit') {
        const decision = await limiter.admit({ cost: step.cost })
        const fits = step.cost === 0 || count + step.cost <= limit
        expect(decision.allowed).toBe(fits || soft)
        if (decision.allowed) {
          open.push({ window: windowOf(), cost: step.cost, permit: decision.permit })
          count += step.cost
          if (reserves) reserved += step.cost
        }
        const [quota] = decision.quotas
        expect(quota?.overrun ?? 0).toBe(soft && count > limit ? count - limit : 0)
        // A decision sees at most the limit. What open requests use above it shows when they are settled.
        observe(seen())
      } else {
        const [request] = open.splice(step.which, 1)
        if (request === undefined) continue
        await request.permit.settle({ [resource]: step.cost })
        const isOver = request.window !== windowOf()
        if (step.cost > request.cost || !isOver) count = Math.max(0, count + step.cost - request.cost)
        if (reserves && !isOver) reserved -= request.cost
        if (step.cost > (reserves ? 0 : request.cost)) observe()
      }
    }
    open = []
    // Any later request of the key announces what a process has missed.
    const { quotas } = await limiter.admit({ cost: 0 })
    observe(seen())
    expect(quotas[0]?.remaining).toBe(Math.max(0, limit - count))
    const announced = events.map(({ start, threshold }) => `${start / HOUR} ${threshold}`)
    expect(new Set(announced)).toEqual(expected)
    expect(announced).toHaveLength(expected.size)
  } finally {
    await store.close()
  }
}
