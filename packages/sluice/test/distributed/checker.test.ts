import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Algorithm, State } from '../../src/algorithms/algorithm.js'
import { slidingLog } from '../../src/algorithms/sliding-log.js'
import { tokenBucket } from '../../src/algorithms/token-bucket.js'
import type { Taken } from '../../src/algorithms/verdict.js'
import type { Limit, SlidingLogLimit, TokenBucketLimit } from '../../src/limits/limit.js'
import { type Admission, type Refund, tightestInterval, tightestPeriod } from './checker.js'

const SEED = 20_261
const RUNS = { seed: SEED, numRuns: 2000 }

/** Logs with integer times and costs, so that sums and products are exact. Many times coincide. */
const logs = fc.array(
  fc.record({ at: fc.integer({ min: 0, max: 60 }), cost: fc.integer({ min: 1, max: 4 }) }),
  {
    maxLength: 30,
  },
)
const refunds = fc.array(
  fc
    .tuple(fc.integer({ min: 0, max: 60 }), fc.nat(10), fc.integer({ min: 1, max: 4 }))
    .map(([from, length, cost]) => ({ from, to: from + length, cost })),
  { maxLength: 10 },
)
const chance = fc.noBias(fc.nat(999)).map((thousandths) => thousandths / 1000)
const capacities = fc.integer({ min: 1, max: 20 })

describe('tightestInterval', () => {
  it('finds the same interval as an exhaustive search', () => {
    fc.assert(
      fc.property(logs, capacities, fc.constantFrom(0.25, 0.5, 1, 3), (log, burst, rate) => {
        let worst = Number.NEGATIVE_INFINITY
        for (const { at: from } of log) {
          for (const { at: to } of log) {
            if (from <= to) worst = Math.max(worst, admittedIn(log, from, to) - (burst + rate * (to - from)))
          }
        }
        expectFound(tightestInterval(log, burst, rate), worst, log)
      }),
      RUNS,
    )
  })

  it('subtracts a refund from every interval in which it may have been made', () => {
    fc.assert(
      fc.property(
        logs,
        refunds,
        capacities,
        fc.constantFrom(0.25, 0.5, 1, 3),
        (log, refunded, burst, rate) => {
          let worst = Number.NEGATIVE_INFINITY
          for (const { at: from } of log) {
            for (const { at: to } of log) {
              const within = sumOf(refunded.filter((each) => each.from <= to && each.to >= from))
              const admitted = admittedIn(log, from, to) - within
              if (from <= to) worst = Math.max(worst, admitted - (burst + rate * (to - from)))
            }
          }
          expect(tightestInterval(log, burst, rate, refunded)?.excess ?? Number.NEGATIVE_INFINITY).toBe(worst)
        },
      ),
      RUNS,
    )
  })

  const limit: TokenBucketLimit = { algorithm: 'token-bucket', limit: 50, period: 1000, burst: 20 }

  it('finds no excess in the admissions of a token bucket with refunds', () => {
    fc.assert(
      fc.property(fc.infiniteStream(chance), (chances) => {
        const { log, refunded } = settledAdmissionsOf(limit, chances)
        expect(tightestInterval(log, 20, 0.05, refunded)?.excess).toBeLessThan(1e-9)
      }),
      { ...RUNS, numRuns: 300 },
    )
  })

  it('finds no excess in the admissions of a token bucket, and detects an extra unit when it was full', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.double({ min: 0, max: 60, noNaN: true })), (gaps) => {
        const { log, fullAt } = admissionsOf(tokenBucket, limit, gaps)
        const check = (each: readonly Admission[]) => tightestInterval(each, 20, 0.05)?.excess ?? 0
        expect(check(log)).toBeLessThan(1e-9)
        fc.pre(fullAt.length > 0)
        for (const at of fullAt) expect(check([...log, { at, cost: 1 }])).toBeGreaterThan(1e-3)
      }),
      { ...RUNS, numRuns: 100 },
    )
  })
})

describe('tightestPeriod', () => {
  it('finds the same period as an exhaustive search', () => {
    fc.assert(
      fc.property(logs, capacities, fc.integer({ min: 1, max: 40 }), (log, limit, period) => {
        let worst = Number.NEGATIVE_INFINITY
        for (const { at: to } of log) worst = Math.max(worst, admittedIn(log, to - period + 1, to) - limit)
        expectFound(tightestPeriod(log, limit, period), worst, log)
      }),
      RUNS,
    )
  })

  const limit: SlidingLogLimit = { algorithm: 'sliding-log', limit: 20, period: 400 }

  it('finds no excess in the admissions of a sliding log, and detects an extra unit when it was full', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.double({ min: 0, max: 60, noNaN: true })), (gaps) => {
        const { log, fullAt } = admissionsOf(slidingLog, limit, gaps)
        const check = (each: readonly Admission[]) => tightestPeriod(each, 20, 400)?.excess ?? 0
        expect(check(log)).toBeLessThanOrEqual(0)
        fc.pre(fullAt.length > 0)
        for (const at of fullAt) expect(check([...log, { at, cost: 1 }])).toBe(1)
      }),
      { ...RUNS, numRuns: 100 },
    )
  })
})

it('tightestInterval and tightestPeriod return undefined for an empty log', () => {
  expect(tightestInterval([], 1, 1)).toBeUndefined()
  expect(tightestPeriod([], 1, 1)).toBeUndefined()
})

function admittedIn(log: readonly Admission[], from: number, to: number): number {
  return sumOf(log.filter(({ at }) => from <= at && at <= to))
}

function sumOf(costs: readonly { readonly cost: number }[]): number {
  return costs.reduce((sum, { cost }) => sum + cost, 0)
}

/** Checks that the interval found has the largest excess. */
function expectFound(
  found: ReturnType<typeof tightestInterval>,
  worst: number,
  log: readonly Admission[],
): void {
  if (found === undefined) {
    expect(log).toHaveLength(0)
    return
  }
  expect(found.excess).toBe(worst)
  expect(found.admitted).toBe(admittedIn(log, found.from, found.to))
}

/**
 * Returns the admissions and refunds of a bucket under bursts of calls. Most of the first calls of
 * a burst are refunded soon after, one by one.
 */
function settledAdmissionsOf(limit: TokenBucketLimit, chances: Iterator<number>) {
  const next = () => chances.next().value as number
  const [log, refunded]: [Admission[], Refund[]] = [[], []]
  const pending: { when: number; taken: Taken }[] = []
  let now = 1_800_000_000_000
  let state = tokenBucket.fresh(limit, now)
  const advanceTo = (until: number) => {
    pending.sort((a, b) => a.when - b.when)
    while (pending[0] !== undefined && pending[0].when <= until) {
      const { when, taken } = pending.shift() as (typeof pending)[0]
      state = tokenBucket.settle(limit, tokenBucket.advance(limit, state, when), taken, 0)
      refunded.push({ cost: 1, from: when, to: when })
    }
    now = until
    state = tokenBucket.advance(limit, state, now)
  }
  for (let call = 0; call < 240; call++) {
    const position = call % 60
    advanceTo(now + (position === 0 ? next() * 600 : next() < 0.5 ? 0 : next() * 4))
    const { allowed, at, resetAfter } = tokenBucket.judge(limit, state, 1)
    if (!allowed) continue
    state = tokenBucket.take(limit, state, 1, '')
    log.push({ at, cost: 1 })
    if (position < 24 && next() < 0.9)
      pending.push({ when: now + next() * next() * 120, taken: { cost: 1, at, resetAfter } })
  }
  return { log, refunded }
}

/** Returns the admissions of 200 calls with cost 1, and the times at which the limit was full. */
function admissionsOf<L extends Limit, S extends State>(
  algorithm: Algorithm<L, S>,
  limit: L,
  gaps: Iterator<number>,
): { log: Admission[]; fullAt: number[] } {
  const log: Admission[] = []
  const fullAt: number[] = []
  let now = 1_800_000_000_000
  let state = algorithm.fresh(limit, now)
  for (let call = 0; call < 200; call++) {
    // Many calls are simultaneous, with occasional pauses.
    const gap = gaps.next().value as number
    now += gap < 30 ? 0 : gap
    state = algorithm.advance(limit, state, now)
    if (algorithm.judge(limit, state, 1).allowed) {
      state = algorithm.take(limit, state, 1, '')
      log.push({ at: now, cost: 1 })
    } else if (log.at(-1)?.at === now) fullAt.push(now)
  }
  return { log, fullAt }
}
