import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Algorithm, State } from '../../src/limits/algorithm.js'
import type { Limit, SlidingLogLimit, TokenBucketLimit } from '../../src/limits/limit.js'
import { slidingLog } from '../../src/limits/sliding-log.js'
import { tokenBucket } from '../../src/limits/token-bucket.js'
import { type Admission, tightestInterval, tightestPeriod } from './checker.js'

const SEED = 20_261
const RUNS = { seed: SEED, numRuns: 2000 }

/** Whole times and costs, in no order and often at the same time, so that sums and products are exact. */
const logs = fc.array(
  fc.record({ at: fc.integer({ min: 0, max: 60 }), cost: fc.integer({ min: 1, max: 4 }) }),
  {
    maxLength: 30,
  },
)
const capacities = fc.integer({ min: 1, max: 20 })

describe('the checker of a token bucket', () => {
  it('finds what looking at every interval finds', () => {
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

  const limit: TokenBucketLimit = { algorithm: 'token-bucket', limit: 50, period: 1000, burst: 20 }

  it('finds no fault in what a bucket lets in, and one unit more wherever the bucket was full', () => {
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

describe('the checker of a sliding log', () => {
  it('finds what looking at every period finds', () => {
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

  it('finds no fault in what a log lets in, and one unit more wherever the log was full', () => {
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

it('an empty log has no interval', () => {
  expect(tightestInterval([], 1, 1)).toBeUndefined()
  expect(tightestPeriod([], 1, 1)).toBeUndefined()
})

function admittedIn(log: readonly Admission[], from: number, to: number): number {
  return log.filter(({ at }) => from <= at && at <= to).reduce((sum, { cost }) => sum + cost, 0)
}

/** The excess is the worst there is, and the interval that was found has it. */
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

/** What an algorithm lets in of 200 calls that cost 1, and the times at which it refused one. */
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
    // Many at the same time, and a pause now and then.
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
