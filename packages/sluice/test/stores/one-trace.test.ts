import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Limit } from '../../src/limits/limit.js'
import { type Charge, type StoreVerdict, settlementOf } from '../../src/stores/store.js'
import { manualClock } from '../../src/time/clock.js'
import { expectVerdict, expectWhole } from '../model/expectations.js'
import { KeyModel } from '../model/key-model.js'
import { clockedStores, STORE_KINDS } from './clocked-stores.js'

/**
 * Resolution of the coarsest clock of any store, in milliseconds: a tick of the clock for
 * Memcached.
 */
const UNIT = 1 / 1024
const KEYS = 3
/** Number of charges in a request: one to the rate limit of a key, and one to its slots. */
const KINDS = 2

interface Call {
  readonly does: 'take' | 'peek'
  readonly key: number
  readonly costs: readonly number[]
}

type Step =
  | Call
  | { readonly does: 'wait'; readonly milliseconds: number }
  | { readonly does: 'change'; readonly limit: Limit }
  | { readonly does: 'release'; readonly which: number }

const upTo = (max: number) => fc.integer({ min: 1, max })
// Any quotient of these numbers is exact.
const period = fc.constantFrom(500, 1000, 2000, 4000)
const RATES = {
  'token-bucket': fc.record({
    algorithm: fc.constant('token-bucket' as const),
    limit: upTo(8),
    period,
    burst: upTo(12),
  }),
  'fixed-window': fc.record({ algorithm: fc.constant('fixed-window' as const), limit: upTo(8), period }),
  'sliding-window': fc.record({ algorithm: fc.constant('sliding-window' as const), limit: upTo(8), period }),
  'sliding-log': fc.record({ algorithm: fc.constant('sliding-log' as const), limit: upTo(8), period }),
}
const cost = fc.oneof(fc.constant(1), fc.nat(9))
const call: fc.Arbitrary<Step> = fc.record({
  does: fc.constantFrom('take', 'take', 'take', 'peek'),
  key: fc.nat(KEYS - 1),
  costs: fc.tuple(cost, fc.constantFrom(0, 1, 1, 2)),
})
const wait: fc.Arbitrary<Step> = fc.record({
  does: fc.constant('wait' as const),
  milliseconds: fc.oneof(period, fc.nat(300), fc.nat(5000), fc.nat(1e8)),
})
const release: fc.Arbitrary<Step> = fc.record({ does: fc.constant('release' as const), which: fc.nat(5) })
const traces = (rate: fc.Arbitrary<Limit>) => {
  const change = fc.record({ does: fc.constant('change' as const), limit: rate })
  const step = fc.oneof({ arbitrary: call, weight: 6 }, { arbitrary: wait, weight: 3 }, change, release)
  return fc.record({ rate, slots: upTo(6), steps: fc.array(step, { minLength: 10, maxLength: 50 }) })
}

const storeOf = clockedStores()

it.each(Object.entries(RATES))(
  'the memory, Redis and Memcached stores return the verdicts of the reference model on a trace of %s and slots',
  async (_algorithm, rate) => {
    await fc.assert(fc.asyncProperty(traces(rate), play), { seed: 20_261_126, numRuns: 60 })
  },
)

async function play({ rate, slots, steps }: { rate: Limit; slots: number; steps: Step[] }): Promise<void> {
  const clock = manualClock(1_000_000)
  const stores = STORE_KINDS.map((kind) => storeOf(kind, clock))
  const limits: [Limit, Limit] = [rate, { algorithm: 'concurrency', limit: slots, lease: 2000 }]
  const models = Array.from({ length: KEYS }, () => limits.map((limit) => new KeyModel(limit, clock.now())))
  const held: { readonly charge: Charge; readonly model: KeyModel; readonly verdicts: StoreVerdict[] }[] = []
  try {
    for (const [number, step] of steps.entries()) {
      if (step.does === 'wait') clock.advance(step.milliseconds)
      else if (step.does === 'change') limits[0] = step.limit
      else if (step.does === 'release') await releaseSlot(step.which)
      else await decide(step, `call ${number}`)
    }
  } finally {
    for (const store of stores) await store.close()
  }

  async function decide({ does, key, costs }: Call, lease: string): Promise<void> {
    const charges = Array.from({ length: KINDS }, (_, kind): Charge => {
      const limit = limits[kind] as Limit
      return {
        scope: limit.algorithm === 'concurrency' ? 'slots' : 'rate',
        key: `${key}`,
        limit,
        cost: costs[kind] ?? 0,
        lease,
      }
    })
    const keyModels = models[key] ?? []
    keyModels.forEach((model, kind) => {
      model.moveTo(clock.now(), limits[kind] as Limit)
    })
    const results: StoreVerdict[][] = []
    for (const store of stores) results.push(await store[does](charges))
    const [first = []] = results
    for (const result of results) expectSameVerdicts(result, first)
    charges.forEach((charge, kind) => {
      expectVerdict(first[kind] as StoreVerdict, charge, keyModels[kind] as KeyModel, UNIT)
    })
    if (!first.every(({ allowed }) => allowed)) return
    if (does === 'take')
      charges.forEach((charge, kind) => {
        const model = keyModels[kind] as KeyModel
        if (charge.cost > 0) model.take(charge.cost, lease)
        if (charge.cost > 0 && kind === 1)
          held.push({ charge, model, verdicts: results.map((result) => result[kind] as StoreVerdict) })
        expectWhole(first[kind]?.remaining, Math.max(0, model.left()))
      })
  }

  async function releaseSlot(which: number): Promise<void> {
    const [slot] = held.splice(which, 1)
    if (slot === undefined) return
    slot.model.release(slot.charge.lease ?? '')
    for (const [index, store] of stores.entries())
      await store.settle([settlementOf(slot.charge, slot.verdicts[index] as StoreVerdict, 0)])
  }
}

/**
 * Checks that two stores return the same verdicts, with times that differ by at most one clock
 * tick.
 */
function expectSameVerdicts(actual: readonly StoreVerdict[], expected: readonly StoreVerdict[]): void {
  for (const [index, { allowed, remaining, ...times }] of expected.entries()) {
    const other = actual[index] as StoreVerdict
    expect({ allowed: other.allowed, remaining: other.remaining }).toEqual({ allowed, remaining })
    for (const time of ['resetAfter', 'retryAfter', 'moreAfter'] as const)
      if (other[time] !== times[time]) expect(Math.abs(other[time] - times[time])).toBeLessThanOrEqual(UNIT)
  }
}
