import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Algorithm, State } from '../../src/algorithms/algorithm.js'
import { slidingLog } from '../../src/algorithms/sliding-log.js'
import { tokenBucket } from '../../src/algorithms/token-bucket.js'
import type { Taken } from '../../src/algorithms/verdict.js'
import type { Limit, SlidingLogLimit, TokenBucketLimit } from '../../src/limits/limit.js'
import { type Admission, type GivenBack, tightestInterval, tightestPeriod } from './checker.js'

const SEED = 20_261
const RUNS = { seed: SEED, numRuns: 2000 }

/** Whole times and costs, in no order and often at the same time, so that sums and products are exact. */
const logs = fc.array(
  fc.record({ at: fc.integer({ min: 0, max: 60 }), cost: fc.integer({ min: 1, max: 4 }) }),
  {
    maxLength: 30,
  },
)
const givenBack = fc.array(
  fc
    .tuple(fc.integer({ min: 0, max: 60 }), fc.nat(10), fc.integer({ min: 1, max: 4 }))
    .map(([from, length, cost]) => ({ from, to: from + length, cost })),
  { maxLength: 10 },
)
const chance = fc.noBias(fc.nat(999)).map((thousandths) => thousandths / 1000)
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

  it('counts what was given back in every interval within which that may have been', () => {
    fc.assert(
      fc.property(logs, givenBack, capacities, fc.constantFrom(0.25, 0.5, 1, 3), (log, back, burst, rate) => {
        let worst = Number.NEGATIVE_INFINITY
        for (const { at: from } of log) {
          for (const { at: to } of log) {
            const within = sumOf(back.filter((each) => each.from <= to && each.to >= from))
            const admitted = admittedIn(log, from, to) - within
            if (from <= to) worst = Math.max(worst, admitted - (burst + rate * (to - from)))
          }
        }
        expect(tightestInterval(log, burst, rate, back)?.excess ?? Number.NEGATIVE_INFINITY).toBe(worst)
      }),
      RUNS,
    )
  })

  const limit: TokenBucketLimit = { algorithm: 'token-bucket', limit: 50, period: 1000, burst: 20 }

  it('finds no fault in what a bucket lets in, less what it is given back', () => {
    fc.assert(
      fc.property(fc.infiniteStream(chance), (chances) => {
        const { log, back } = settledAdmissionsOf(limit, chances)
        expect(tightestInterval(log, 20, 0.05, back)?.excess).toBeLessThan(1e-9)
      }),
      { ...RUNS, numRuns: 300 },
    )
  })

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
  return sumOf(log.filter(({ at }) => from <= at && at <= to))
}

function sumOf(costs: readonly { readonly cost: number }[]): number {
  return costs.reduce((sum, { cost }) => sum + cost, 0)
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

/**
 * What a bucket lets in of calls that come all at once now and then, of which most of the first are given back soon after, each by itself; and what is
 * given back.
 */
function settledAdmissionsOf(limit: TokenBucketLimit, chances: Iterator<number>) {
  const next = () => chances.next().value as number
  const [log, back]: [Admission[], GivenBack[]] = [[], []]
  const due: { when: number; taken: Taken }[] = []
  let now = 1_800_000_000_000
  let state = tokenBucket.fresh(limit, now)
  const goOn = (until: number) => {
    due.sort((a, b) => a.when - b.when)
    while (due[0] !== undefined && due[0].when <= until) {
      const { when, taken } = due.shift() as (typeof due)[0]
      state = tokenBucket.settle(limit, tokenBucket.advance(limit, state, when), taken, 0)
      back.push({ cost: 1, from: when, to: when })
    }
    now = until
    state = tokenBucket.advance(limit, state, now)
  }
  for (let call = 0; call < 240; call++) {
    const turn = call % 60
    goOn(now + (turn === 0 ? next() * 600 : next() < 0.5 ? 0 : next() * 4))
    const { allowed, at, resetAfter } = tokenBucket.judge(limit, state, 1)
    if (!allowed) continue
    state = tokenBucket.take(limit, state, 1, '')
    log.push({ at, cost: 1 })
    if (turn < 24 && next() < 0.9)
      due.push({ when: now + next() * next() * 120, taken: { cost: 1, at, resetAfter } })
  }
  return { log, back }
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
