import { describe, expect, it } from 'vitest'
import { type SlidingLogState, slidingLog } from '../../src/algorithms/sliding-log.js'
import { type Count, countsAfterSettlement, countsAfterTake } from '../../src/algorithms/usage-counts.js'
import type { Limit, SlidingLogLimit } from '../../src/limits/limit.js'

const limit: SlidingLogLimit = { algorithm: 'sliding-log', limit: 10, period: 1000 }

/** Builds a log of charges, each with a time and a cost. */
function logged(...charges: [at: number, cost: number][]): SlidingLogState {
  const [[start] = [0]] = charges
  return charges.reduce(
    (state, [at, cost]) => slidingLog.take(limit, slidingLog.advance(limit, state, at), cost, ''),
    slidingLog.fresh(limit, start),
  )
}

function used(state: SlidingLogState): number {
  return slidingLog.usage(limit, state, state.at)?.units ?? 0
}

describe('the sliding log', () => {
  it('admits at most the limit in (now − period, now]', () => {
    const state = logged([0, 4], [500, 6])
    expect(slidingLog.judge(limit, slidingLog.advance(limit, state, 999), 1)).toMatchObject({
      allowed: false,
      retryAfter: 1,
      moreAfter: 1,
      resetAfter: 501,
    })
    const later = slidingLog.advance(limit, state, 1000)
    expect(slidingLog.judge(limit, later, 4)).toMatchObject({ allowed: true, remaining: 0, resetAfter: 1000 })
    expect(slidingLog.judge(limit, later, 5)).toMatchObject({ allowed: false, retryAfter: 500 })
    expect(slidingLog.judge(limit, later, 11)).toMatchObject({ retryAfter: Number.POSITIVE_INFINITY })
  })

  it('computes retryAfter as the time until enough of the oldest entries have expired', () => {
    const state = logged([0, 3], [100, 3], [200, 4])
    const waits = [1, 3, 4, 6, 7, 10].map((cost) => slidingLog.judge(limit, state, cost).retryAfter)
    expect(waits).toEqual([800, 800, 900, 900, 1000, 1000])
  })

  it('counts exactly over a long run and drops expired entries', () => {
    let state = slidingLog.fresh(limit, 0)
    for (let now = 0; now < 100_000; now += 50) {
      state = slidingLog.advance(limit, state, now)
      if (slidingLog.judge(limit, state, 1).allowed) state = slidingLog.take(limit, state, 1, '')
      expect(state.times.length).toBeLessThan(80)
    }
    expect(used(state)).toBe(10)
  })

  it('moves future entries to the current time if the clock is set back', () => {
    const back = slidingLog.advance(limit, logged([5000, 4], [5500, 6]), 200)
    expect(slidingLog.judge(limit, back, 1)).toMatchObject({ allowed: false, retryAfter: 1000 })
    expect(used(slidingLog.advance(limit, back, 1200))).toBe(0)
    const partly = slidingLog.advance(limit, logged([5000, 4], [5500, 6]), 5200)
    expect(slidingLog.judge(limit, partly, 4).retryAfter).toBe(800)
    expect(slidingLog.judge(limit, partly, 5).retryAfter).toBe(1000)
  })

  it('refunds a charge from its entry until the entry expires', () => {
    const charge = { cost: 4, at: 500, resetAfter: 1000 }
    const state = logged([0, 3], [500, 4], [600, 3])
    expect(used(slidingLog.settle(limit, state, charge, 1))).toBe(7)
    expect(used(slidingLog.settle(limit, slidingLog.advance(limit, state, 1500), charge, 0))).toBe(3)
    expect(used(slidingLog.settle(limit, state, { ...charge, at: 501 }, 0))).toBe(10)
    expect(used(slidingLog.settle(limit, state, charge, 9))).toBe(15)
  })

  it('leaves no trace of a fully refunded charge', () => {
    const refund = (state: SlidingLogState, at: number, cost: number) =>
      slidingLog.settle(limit, state, { cost, at, resetAfter: 1000 }, 0)
    const judge = (state: SlidingLogState) => slidingLog.judge(limit, state, 0)

    const first = refund(logged([0, 3], [500, 4], [600, 2]), 600, 2)
    expect(judge(first)).toMatchObject({ remaining: 3, resetAfter: 900, moreAfter: 400 })
    // The order does not matter: an emptied entry is removed once it is the last.
    const middle = refund(logged([0, 3], [500, 4], [600, 2]), 500, 4)
    expect(judge(middle)).toMatchObject({ remaining: 5, resetAfter: 1000, moreAfter: 400 })
    const both = refund(middle, 600, 2)
    expect(judge(both)).toMatchObject({ remaining: 7, resetAfter: 400, moreAfter: 400 })
    const all = refund(both, 0, 3)
    expect(judge(all)).toMatchObject({ remaining: 10, resetAfter: 0, moreAfter: 0 })
    expect(slidingLog.idleAfter(limit, all)).toBe(0)
    expect(used(slidingLog.take(limit, all, 4, ''))).toBe(4)
  })

  it('does not change a state when a take appends to arrays shared with that state', () => {
    const before = logged([0, 3])
    slidingLog.take(limit, before, 5, '')
    expect(used(before)).toBe(3)
    const other = slidingLog.take(limit, before, 1, '')
    expect(used(other)).toBe(4)
    expect(used(before)).toBe(3)
  })

  it('counts single units correctly after a debt beyond the precision of doubles has expired', () => {
    const debt = { cost: 0, at: 0, resetAfter: 0 }
    let state = slidingLog.settle(limit, slidingLog.fresh(limit, 0), debt, Number.MAX_VALUE)
    state = slidingLog.settle(limit, slidingLog.advance(limit, state, 900), debt, Number.MAX_VALUE)
    state = slidingLog.settle(limit, slidingLog.advance(limit, state, 1800), debt, 5)
    state = slidingLog.advance(limit, state, 1950)
    let admitted = 0
    while (admitted < 100 && slidingLog.judge(limit, state, 1).allowed) {
      state = slidingLog.take(limit, state, 1, '')
      admitted++
    }
    expect(admitted).toBeLessThanOrEqual(10)
  })

  it('keeps entries for the longest period of any charge, and counts only those in the current period', () => {
    const day = { ...limit, limit: 20, period: 86_400_000 }
    let state = slidingLog.take(day, logged([0, 2]), 3, '')
    state = slidingLog.take(limit, slidingLog.advance(limit, state, 5000), 4, '')
    expect(slidingLog.judge(limit, state, 0).remaining).toBe(limit.limit - 4)
    expect(slidingLog.judge(day, state, 0)).toMatchObject({ remaining: 20 - 9, moreAfter: 86_395_000 })
    expect(slidingLog.idleAfter(limit, state)).toBe(86_400_000)
    const later = slidingLog.take(limit, slidingLog.advance(limit, state, 86_400_000), 1, '')
    const { head, length } = slidingLog.advance(limit, later, 86_401_000 - 1)
    expect(length - head).toBe(1)
  })

  it('converts the state of another algorithm into one entry at the time of the last charge', () => {
    const state = slidingLog.fromUsage(limit, 1400, { units: 3, sinceAge: 900, lastAge: 400 })
    expect(slidingLog.judge(limit, state, 0)).toMatchObject({ remaining: limit.limit - 3, resetAfter: 600 })
    const over = slidingLog.fromUsage(limit, 1400, { units: 3, sinceAge: 1400, lastAge: 1000 })
    expect(over).toEqual(slidingLog.fresh(limit, 1400))
  })
})

describe('a sliding log on a key that also has a much larger limit of another algorithm', () => {
  const bucket: Limit = { algorithm: 'token-bucket', limit: 1_000_000, period: 1000, burst: 1_000_000 }
  const logOf = (counts: readonly Count[]) =>
    counts.find((count) => count.limit.algorithm === 'sliding-log')?.state as SlidingLogState

  it('has at most 130 more entries than its limit, each dated at most 1/64 of a period late', () => {
    let counts = countsAfterTake(limit, [], 1, '', () => 0)
    for (let now = 1; now <= 5000; now++) {
      counts = countsAfterTake(bucket, counts, 1, '', () => now)
      const { head, length } = logOf(counts)
      expect(length - head).toBeLessThanOrEqual(limit.limit + 130)
    }
    const units = used(slidingLog.advance(limit, logOf(counts), 5000))
    expect(units).toBeGreaterThanOrEqual(1000)
    expect(units).toBeLessThanOrEqual(1000 * (1 + 2 / 64))
    const later = slidingLog.advance(limit, logOf(counts), 5999)
    expect(slidingLog.judge(limit, later, 1)).toMatchObject({ allowed: false, retryAfter: 1 })
    expect(slidingLog.advance(limit, logOf(counts), 6000)).toMatchObject({ length: 0 })
  })

  it('bounds the number of entries when settlements charge extra units', () => {
    let counts = countsAfterTake(limit, [], 1, '', () => 0)
    for (let now = 1; now <= 2000; now++) {
      counts = countsAfterTake(bucket, counts, 1, '', () => now)
      const taken = { cost: 1, at: now, resetAfter: 1000 }
      counts = countsAfterSettlement(bucket, counts, taken, 3, () => now)
    }
    const { head, length } = logOf(counts)
    expect(length - head).toBeLessThanOrEqual(limit.limit + 130)
    expect(used(logOf(counts))).toBeGreaterThanOrEqual(3000)
  })
})
