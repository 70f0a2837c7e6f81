import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type TokenBucketState, tokenBucket } from '../../src/algorithms/token-bucket.js'
import type { TokenBucketLimit } from '../../src/limits/limit.js'

const limit: TokenBucketLimit = { algorithm: 'token-bucket', limit: 10, period: 60_000, burst: 10 }

/** Returns the state of a bucket after simultaneous charges of the given costs. */
function after(now: number, ...costs: number[]): TokenBucketState {
  return costs.reduce(
    (state, cost) => tokenBucket.take(limit, state, cost, ''),
    tokenBucket.fresh(limit, now),
  )
}

describe('the token bucket', () => {
  it('admits ten at once and then one every six seconds under 10/minute', () => {
    let state = after(0, 10)
    expect(tokenBucket.judge(limit, state, 1)).toEqual({
      allowed: false,
      at: 0,
      remaining: 0,
      resetAfter: 60_000,
      retryAfter: 6000,
      moreAfter: 6000,
    })
    for (let second = 6; second <= 60; second += 6) {
      state = tokenBucket.advance(limit, state, second * 1000 - 1)
      expect(tokenBucket.judge(limit, state, 1).allowed).toBe(false)
      state = tokenBucket.advance(limit, state, second * 1000)
      expect(tokenBucket.judge(limit, state, 1).allowed).toBe(true)
      state = tokenBucket.take(limit, state, 1, '')
    }
  })

  it('reports the quota that is left after an admitted request', () => {
    expect(tokenBucket.judge(limit, after(0, 2), 3)).toEqual({
      allowed: true,
      at: 0,
      remaining: 5,
      resetAfter: 30_000,
      retryAfter: 0,
      moreAfter: 6000,
    })
  })

  it('reports when the next whole unit becomes available, even if part of it has already refilled', () => {
    const state = tokenBucket.advance(limit, after(0, 10), 4500)
    expect(tokenBucket.judge(limit, state, 0)).toMatchObject({ remaining: 0, moreAfter: 1500 })
    expect(tokenBucket.judge(limit, tokenBucket.fresh(limit, 0), 0)).toMatchObject({
      moreAfter: 0,
      resetAfter: 0,
    })
  })

  it('follows GCRA: admits if max(TAT, now) + c·T − now ≤ burst·T', () => {
    const charge = fc.record({ wait: fc.nat(20_000), cost: fc.integer({ min: 1, max: 12 }) })
    fc.assert(
      fc.property(fc.array(charge, { maxLength: 40 }), (charges) => {
        // With T = 6000 ms, all values are integers.
        const [interval, tolerance] = [6000, 60_000]
        let [now, arrival] = [0, 0]
        let state = tokenBucket.fresh(limit, 0)
        for (const { wait, cost } of charges) {
          now += wait
          state = tokenBucket.advance(limit, state, now)
          const verdict = tokenBucket.judge(limit, state, cost)
          const next = Math.max(arrival, now) + cost * interval
          expect(verdict.allowed).toBe(next - now <= tolerance)
          if (verdict.allowed) {
            arrival = next
            state = tokenBucket.take(limit, state, cost, '')
            expect(verdict.remaining).toBe(Math.floor((tolerance - (next - now)) / interval))
            expect(verdict.resetAfter).toBeCloseTo(next - now, 6)
          } else if (cost <= 10) expect(verdict.retryAfter).toBeCloseTo(next - tolerance - now, 6)
          else expect(verdict.retryAfter).toBe(Number.POSITIVE_INFINITY)
        }
      }),
      { seed: 20261124, numRuns: 500 },
    )
  })

  it('adds no units if the clock is set back, and refuses no longer than a full bucket takes to drain', () => {
    const halfFull = after(100_000, 5)
    expect(tokenBucket.advance(limit, halfFull, 94_000)).toEqual({ at: 94_000, level: 6 })
    expect(tokenBucket.advance(limit, halfFull, 0)).toEqual({ at: 0, level: 10 })
    const inDebt = tokenBucket.settle(limit, halfFull, { cost: 5, at: 100_000, resetAfter: 30_000 }, 25)
    expect(tokenBucket.advance(limit, inDebt, 0).level).toBe(25)
  })

  it('refunds only the part of a charge that has not drained, first in, first out', () => {
    const state = after(0, 4, 4)
    const second = { cost: 4, at: 0, resetAfter: 48_000 }
    const first = { cost: 4, at: 0, resetAfter: 24_000 }
    const later = tokenBucket.advance(limit, state, 36_000)
    expect(later.level).toBeCloseTo(2, 9)
    expect(tokenBucket.settle(limit, later, first, 0).level).toBeCloseTo(2, 9)
    expect(tokenBucket.settle(limit, later, second, 3).level).toBeCloseTo(1, 9)
    expect(tokenBucket.settle(limit, later, second, 0).level).toBeCloseTo(0, 9)
  })

  it('leaves no more quota after a refund than if the charge had never been made', () => {
    const charge = fc.record({ wait: fc.nat(9000), cost: fc.integer({ min: 1, max: 5 }) })
    fc.assert(
      fc.property(
        fc.array(charge, { minLength: 1, maxLength: 30 }),
        fc.nat(29),
        fc.nat(29),
        (charges, a, b) => {
          const [refunded, refundedAt] = [Math.min(a, b) % charges.length, Math.max(a, b)]
          let [now, taken] = [0, { cost: 0, at: 0, resetAfter: 0 }]
          let [state, without] = [tokenBucket.fresh(limit, 0), tokenBucket.fresh(limit, 0)]
          charges.forEach(({ wait, cost }, index) => {
            now += wait
            state = tokenBucket.advance(limit, state, now)
            without = tokenBucket.advance(limit, without, now)
            const { allowed, at, resetAfter } = tokenBucket.judge(limit, state, cost)
            if (allowed) state = tokenBucket.take(limit, state, cost, '')
            if (allowed && index === refunded) taken = { cost, at, resetAfter }
            else if (allowed) without = tokenBucket.take(limit, without, cost, '')
            if (index === refundedAt) state = tokenBucket.settle(limit, state, taken, 0)
            if (index >= refundedAt) expect(state.level).toBeGreaterThan(without.level - 1e-9)
          })
        },
      ),
      { seed: 20261126, numRuns: 1000 },
    )
  })

  it('refunds a charge in full even if it drained early because an earlier charge was refunded', () => {
    const first = { cost: 5, at: 0, resetAfter: 30_000 }
    const second = { cost: 1, at: 0, resetAfter: 36_000 }
    // The second charge drains after the first, so it is still in the bucket six seconds later.
    const undrained = tokenBucket.advance(limit, after(0, 5, 1), 6000)
    const withFirst = tokenBucket.take(limit, undrained, 5, '')
    expect(tokenBucket.settle(limit, withFirst, second, 0).level).toBe(9)
    // If the first is refunded at once, the second has drained by then, but the state is the same.
    const withoutFirst = tokenBucket.advance(limit, tokenBucket.settle(limit, after(0, 5, 1), first, 0), 6000)
    expect(withoutFirst.level).toBe(0)
    expect(tokenBucket.take(limit, withoutFirst, 10, '')).toEqual(withFirst)
  })

  it('never settles to a negative level', () => {
    const taken = { cost: 1000, at: 0, resetAfter: 1e12 }
    expect(tokenBucket.settle(limit, after(0, 3), taken, 0).level).toBe(0)
  })

  it('supports fractional costs and rates below one unit per period', () => {
    const slow: TokenBucketLimit = { algorithm: 'token-bucket', limit: 0.5, period: 1000, burst: 1.5 }
    const state = tokenBucket.take(slow, tokenBucket.fresh(slow, 0), 1.5, '')
    expect(tokenBucket.judge(slow, state, 1).retryAfter).toBe(2000)
    expect(tokenBucket.judge(slow, state, 0.25).retryAfter).toBe(500)
    expect(tokenBucket.judge(slow, state, 1.75).retryAfter).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('a token bucket under a changed limit', () => {
  const perHour: TokenBucketLimit = { algorithm: 'token-bucket', limit: 60, period: 3_600_000, burst: 60 }
  const quick: TokenBucketLimit = { algorithm: 'token-bucket', limit: 3, period: 300, burst: 3 }

  it('drains at the larger of the old and the new rate until the next charge', () => {
    const state = { at: 0, level: 60 }
    expect(tokenBucket.advance(quick, state, 5000, perHour)).toEqual({ at: 5000, level: 10 })
    expect(tokenBucket.advance(perHour, state, 5000, quick)).toEqual({
      at: 5000,
      level: 10,
      fasterRate: 0.01,
    })
  })

  it('computes retryAfter of a lowered limit with the faster old rate', () => {
    const full = { at: 0, level: 600 }
    const slow = tokenBucket.advance({ ...perHour, limit: 10, burst: 10 }, full, 0, {
      ...perHour,
      limit: 600,
      burst: 600,
    })
    const { retryAfter, resetAfter } = tokenBucket.judge({ ...perHour, limit: 10, burst: 10 }, slow, 10)
    expect(retryAfter).toBeCloseTo(3_600_000, 6)
    expect(resetAfter).toBeCloseTo(3_600_000, 6)
  })

  it('drains at the new rate after a charge', () => {
    const slow = tokenBucket.advance(perHour, { at: 0, level: 3 }, 200, quick)
    expect(slow).toHaveProperty('fasterRate')
    expect(tokenBucket.take(perHour, slow, 1, '')).toEqual({ at: 200, level: 2 })
  })

  it('converts the state of another algorithm into at most a full bucket', () => {
    const state = tokenBucket.fromUsage(quick, 1000, { units: 5000, sinceAge: 900, lastAge: 100 })
    expect(state).toEqual({ at: 1000, level: 2 })
  })

  it('reports when the next unit becomes available for a fractional burst', () => {
    const fraction: TokenBucketLimit = { algorithm: 'token-bucket', limit: 1, period: 1000, burst: 2.5 }
    const { remaining, moreAfter } = tokenBucket.judge(fraction, { at: 0, level: 0.25 }, 0)
    expect([remaining, moreAfter]).toEqual([2, 750])
  })
})
