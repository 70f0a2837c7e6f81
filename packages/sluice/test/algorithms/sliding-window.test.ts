import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Usage } from '../../src/algorithms/algorithm.js'
import { slidingWindow } from '../../src/algorithms/sliding-window.js'
import type { SlidingWindowLimit } from '../../src/limits/limit.js'

const limit: SlidingWindowLimit = { algorithm: 'sliding-window', limit: 10, period: 1000 }
const state = (at: number, start: number, previous: number, current: number) => ({
  at,
  start,
  previous,
  current,
})

describe('the sliding window with two counters', () => {
  it('admits a cost if previous·(1 − elapsed/period) + current + cost ≤ limit', () => {
    // 8·0.75 + 1 = 7.
    expect(slidingWindow.judge(limit, state(250, 0, 8, 1), 3)).toMatchObject({ allowed: true, remaining: 0 })
    expect(slidingWindow.judge(limit, state(250, 0, 8, 1), 4)).toMatchObject({ allowed: false, remaining: 3 })
  })

  it('computes retryAfter for a cost that fits later in this window or in the next', () => {
    expect(slidingWindow.judge(limit, state(250, 0, 8, 1), 4).retryAfter).toBeCloseTo(125, 9)
    expect(slidingWindow.judge(limit, state(400, 0, 0, 10), 5).retryAfter).toBeCloseTo(600 + 500, 9)
    expect(slidingWindow.judge(limit, state(400, 0, 5, 8), 4).retryAfter).toBeCloseTo(600 + 250, 9)
    expect(slidingWindow.judge(limit, state(0, 0, 0, 0), 11).retryAfter).toBe(Number.POSITIVE_INFINITY)
  })

  it('refuses until just before retryAfter and admits just after it', () => {
    const some = fc.record({
      at: fc.nat(999),
      previous: fc.nat(10),
      current: fc.nat(15),
      cost: fc.integer({ min: 1, max: 10 }),
    })
    fc.assert(
      fc.property(some, ({ at, previous, current, cost }) => {
        const now = state(at, 0, previous, current)
        const { allowed, retryAfter, moreAfter, remaining, resetAfter } = slidingWindow.judge(
          limit,
          now,
          cost,
        )
        const later = (wait: number) => slidingWindow.advance(limit, now, at + wait)
        if (!allowed) {
          expect(slidingWindow.judge(limit, later(retryAfter + 1e-6), cost).allowed).toBe(true)
          if (retryAfter > 0.01)
            expect(slidingWindow.judge(limit, later(retryAfter - 0.01), cost).allowed).toBe(false)
          const usedUp = slidingWindow.take(limit, now, remaining, '')
          const oneMore = (wait: number) =>
            slidingWindow.judge(limit, slidingWindow.advance(limit, usedUp, at + wait), 1).allowed
          expect(oneMore(moreAfter + 1e-6)).toBe(true)
          if (moreAfter > 0.01) expect(oneMore(moreAfter - 0.01)).toBe(false)
          expect(later(resetAfter)).toMatchObject({ previous: 0, current: 0 })
        }
      }),
      { seed: 20261124, numRuns: 3000 },
    )
  })

  it('turns the current window into the previous one after a period, and drops both after two', () => {
    expect(slidingWindow.advance(limit, state(0, 0, 3, 7), 999)).toEqual(state(999, 0, 3, 7))
    expect(slidingWindow.advance(limit, state(0, 0, 3, 7), 1000)).toEqual(state(1000, 1000, 7, 0))
    expect(slidingWindow.advance(limit, state(0, 0, 3, 7), 2000)).toEqual(state(2000, 2000, 0, 0))
  })

  it('restarts the window if the clock is set back before its start', () => {
    expect(slidingWindow.advance(limit, state(5500, 5000, 3, 7), 200)).toEqual(state(200, 200, 3, 7))
    expect(slidingWindow.advance(limit, state(5500, 5000, 3, 7), 5200)).toEqual(state(5200, 5000, 3, 7))
  })

  it('refunds into the window it was charged in', () => {
    const taken = { cost: 4, at: 100, resetAfter: 1900 }
    expect(slidingWindow.settle(limit, state(500, 0, 5, 6), taken, 1)).toEqual(state(500, 0, 5, 3))
    expect(slidingWindow.settle(limit, state(1500, 1000, 6, 2), taken, 1)).toEqual(state(1500, 1000, 3, 2))
    expect(slidingWindow.settle(limit, state(2500, 2000, 6, 2), taken, 1)).toEqual(state(2500, 2000, 6, 2))
    expect(slidingWindow.settle(limit, state(2500, 2000, 6, 2), taken, 6)).toEqual(state(2500, 2000, 6, 4))
    expect(slidingWindow.settle(limit, state(500, 0, 5, 1), taken, 0)).toEqual(state(500, 0, 5, 0))
  })

  it('converts its estimate to and from other algorithms', () => {
    const usage = slidingWindow.usage(limit, state(1250, 1000, 4, 2), 1250)
    expect(usage).toEqual({ units: 5, sinceAge: 1250, lastAge: 0 })
    const longer = { ...limit, period: 4000 }
    expect(slidingWindow.fromUsage(longer, 1250, usage as Usage)).toEqual(state(1250, 0, 0, 5))
  })

  it('reports in moreAfter when one more unit becomes available', () => {
    const minute = { ...limit, period: 60_000 }
    const verdict = slidingWindow.judge(minute, slidingWindow.fresh(minute, 0), 1)
    expect(verdict).toMatchObject({ remaining: 9, resetAfter: 120_000 })
    expect(verdict.moreAfter).toBeCloseTo(66_000, 6)
  })

  it('admits no more than the reported remaining units before moreAfter, for any spread of requests', () => {
    const use = fc.array(fc.record({ wait: fc.nat(700), cost: fc.integer({ min: 1, max: 4 }) }), {
      maxLength: 30,
    })
    fc.assert(
      fc.property(fc.nat(10), fc.nat(9), fc.nat(999), use, (previous, current, at, uses) => {
        const before = state(at, 0, previous, current)
        const { remaining, moreAfter } = slidingWindow.judge(limit, before, 0)
        fc.pre(moreAfter > 0)
        let now = at
        let latest = before
        let used = 0
        for (const { wait, cost } of uses) {
          now += wait
          if (now >= at + moreAfter - 1e-6) return
          latest = slidingWindow.advance(limit, latest, now)
          if (!slidingWindow.judge(limit, latest, cost).allowed) continue
          latest = slidingWindow.take(limit, latest, cost, '')
          used += cost
          expect(used).toBeLessThanOrEqual(remaining)
        }
      }),
      { seed: 20261201, numRuns: 3000 },
    )
  })
})
