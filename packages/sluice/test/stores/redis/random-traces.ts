import fc from 'fast-check'
import { expect } from 'vitest'
import type { Limit } from '../../../src/limits/limit.js'
import type { Charge, Settlement, Store, StoreVerdict } from '../../../src/stores/store.js'
import type { ReferenceStore } from './reference-store.js'

const HOUR = 3_600_000
const DAY = 24 * HOUR

const period = fc.constantFrom(1.9, 1000, 1000, 60_000, 60_000, HOUR)
const BY_ALGORITHM: Record<string, fc.Arbitrary<Limit>> = {
  'token-bucket': fc.record({
    algorithm: fc.constant('token-bucket' as const),
    limit: fc.constantFrom(0.5, 3, 10, 1_000_000),
    period,
    burst: fc.constantFrom(1, 2.5, 10, 100),
  }),
  'fixed-window': fc.record({
    algorithm: fc.constant('fixed-window' as const),
    limit: fc.constantFrom(1, 3, 10),
    period,
  }),
  calendar: fc.record({
    algorithm: fc.constant('fixed-window' as const),
    limit: fc.constantFrom(1, 3, 10),
    period: fc.constantFrom(HOUR, DAY, 7 * DAY, 30 * DAY),
    align: fc.constant('calendar' as const),
    timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'Asia/Kathmandu'),
  }),
  'sliding-window': fc.record({
    algorithm: fc.constant('sliding-window' as const),
    limit: fc.constantFrom(1, 3, 10),
    period,
  }),
  'sliding-log': fc.record({
    algorithm: fc.constant('sliding-log' as const),
    limit: fc.constantFrom(1, 3, 10, 40),
    period,
  }),
  concurrency: fc.record({
    algorithm: fc.constant('concurrency' as const),
    limit: fc.constantFrom(1, 3, 10),
    lease: period,
  }),
}

/** Generators of limits by algorithm, and of buckets of which some start with fewer units. */
export const LIMITS: Record<string, fc.Arbitrary<Limit>> = {
  ...BY_ALGORITHM,
  'token-bucket with initial units': fc.oneof(
    BY_ALGORITHM['token-bucket'] as fc.Arbitrary<Limit>,
    fc.record({
      algorithm: fc.constant('token-bucket' as const),
      limit: fc.constantFrom(0.5, 3, 10, 1_000_000),
      period,
      burst: fc.constantFrom(2.5, 10, 100),
      initial: fc.constantFrom(0, 0.1, 2),
    }),
  ),
}

/** A charge of a trace. Most charges use the first limit. */
interface Use {
  readonly key: number
  readonly limit: number
  readonly cost: number
  readonly enforce: boolean
}

export type Step =
  | { readonly kind: 'take' | 'peek'; readonly wait: number; readonly uses: Use[] }
  | { readonly kind: 'settle'; readonly wait: number; readonly which: number; readonly cost: number }
  | { readonly kind: 'reset'; readonly wait: number; readonly key: number }

const wait = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(0, 0, 0.25, 1, 100, 500.5, 1000) },
  { weight: 3, arbitrary: fc.constantFrom(7000, 20_000, 59_000, HOUR / 2, HOUR, DAY) },
  { weight: 1, arbitrary: fc.constantFrom(-0.5, -100, -5000, -20_000, -70_000, -2 * HOUR) },
)

const use: fc.Arbitrary<Use> = fc.record({
  key: fc.constantFrom(0, 0, 0, 0, 1),
  limit: fc.constantFrom(...Array(14).fill(0), 1, 2),
  cost: fc.constantFrom(0, 1, 1, 1, 2, 3, 7, 11),
  enforce: fc.constantFrom(true, true, true, false),
})

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('take' as const),
      wait,
      uses: fc.array(use, { minLength: 1, maxLength: 3, size: 'small' }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('peek' as const),
      wait,
      uses: fc.array(use, { minLength: 1, maxLength: 3, size: 'small' }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('settle' as const),
      wait,
      which: fc.constantFrom(1, 1, 1, 2, 2, 3, 4, 9),
      cost: fc.constantFrom(0, 0, 1, 2, 5, 30),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reset' as const), wait, key: fc.nat(1) }) },
)

/** A sequence of operations under several limits, mostly the first. */
export interface Trace {
  readonly limits: readonly [Limit, Limit, Limit]
  readonly steps: readonly Step[]
}

export const trace = (limit: fc.Arbitrary<Limit>, maxLength = 40): fc.Arbitrary<Trace> =>
  fc.record({
    limits: fc.tuple(limit, limit, fc.oneof(...Object.values(BY_ALGORITHM))),
    steps: fc.array(step, { minLength: 1, maxLength, size: 'max' }),
  })

/**
 * Runs a trace on a store and on the reference, and compares their verdicts. The store receives
 * `groupSize` steps concurrently; the reference receives the same steps one after another.
 */
export async function play(
  { limits, steps }: Trace,
  reference: ReferenceStore,
  store: Store,
  groupSize: number,
): Promise<void> {
  const taken: Omit<Settlement, 'cost'>[] = []
  let leases = 0
  for (let from = 0; from < steps.length; from += groupSize) {
    const group = steps.slice(from, from + groupSize)
    reference.now += (group[0] as Step).wait
    const results = group.map(async (each) => {
      if (each.kind === 'reset') {
        reference.reset('s', String(each.key))
        await store.reset('s', String(each.key))
      } else if (each.kind === 'settle') {
        const settled = taken.at(-each.which)
        if (settled === undefined) return
        reference.settle([{ ...settled, cost: each.cost }])
        await store.settle([{ ...settled, cost: each.cost }])
      } else {
        const charges = each.uses.map(({ key, limit, cost, enforce }): Charge => {
          const lease = `lease ${leases++ % 7}`
          return { scope: 's', key: String(key), limit: limits[limit] as Limit, cost, enforce, lease }
        })
        const expected = reference[each.kind](charges)
        if (each.kind === 'take') addTaken(taken, charges, expected)
        expectSame(await store[each.kind](charges), expected)
      }
    })
    await Promise.all(results)
  }
}

function addTaken(
  taken: Omit<Settlement, 'cost'>[],
  charges: readonly Charge[],
  verdicts: readonly StoreVerdict[],
) {
  if (!charges.every(({ enforce }, index) => verdicts[index]?.allowed || enforce === false)) return
  charges.forEach((charge, index) => {
    const { allowed, at, resetAfter } = verdicts[index] as StoreVerdict
    const { cost, lease } = charge
    if (allowed) taken.push({ charge, taken: { cost, at, resetAfter, lease } })
  })
}

function expectSame(actual: readonly StoreVerdict[], expected: readonly StoreVerdict[]): void {
  expect(actual).toEqual(expected.map((verdict) => normalized(verdict)))
}

/** Replaces -0 with 0, because `toEqual` distinguishes them. */
function normalized(verdict: StoreVerdict): StoreVerdict {
  const { at, remaining, resetAfter, retryAfter, moreAfter } = verdict
  return {
    ...verdict,
    at: at + 0,
    remaining: remaining + 0,
    resetAfter: resetAfter + 0,
    retryAfter: retryAfter + 0,
    moreAfter: moreAfter + 0,
  }
}
