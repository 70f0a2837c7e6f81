import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ConcurrencyState, concurrency } from '../../src/algorithms/concurrency.js'
import type { ConcurrencyLimit } from '../../src/limits/limit.js'

const limit: ConcurrencyLimit = { algorithm: 'concurrency', limit: 3, lease: 1000 }

/** Advances a copy of a state, since the algorithm may modify its argument. */
function advanced(state: ConcurrencyState, now: number, of = limit): ConcurrencyState {
  return concurrency.advance(of, structuredClone(state), now)
}

function hold(state: ConcurrencyState, now: number, lease: string, slots = 1, of = limit): ConcurrencyState {
  return concurrency.take(of, advanced(state, now, of), slots, lease)
}

function settle(state: ConcurrencyState, lease: string, slots: number, of = limit): ConcurrencyState {
  return concurrency.settle(of, structuredClone(state), { cost: 1, at: 0, resetAfter: 1000, lease }, slots)
}

function held(state: ConcurrencyState, now: number, of = limit): number {
  return advanced(state, now, of).held
}

describe('a concurrency limit', () => {
  it('admits at most the limit until leases end or are released', () => {
    let state = hold(hold(hold(concurrency.fresh(limit, 0), 0, 'a'), 100, 'b'), 200, 'c')
    expect(concurrency.judge(limit, state, 1)).toEqual({
      allowed: false,
      at: 200,
      remaining: 0,
      resetAfter: 1000,
      retryAfter: 800,
      moreAfter: 800,
    })
    expect(concurrency.judge(limit, state, 3).retryAfter).toBe(1000)
    expect(concurrency.judge(limit, state, 4).retryAfter).toBe(Number.POSITIVE_INFINITY)
    state = settle(state, 'b', 0)
    expect(concurrency.judge(limit, state, 1)).toMatchObject({ allowed: true, remaining: 0 })
    expect(held(state, 999)).toBe(2)
    expect(held(state, 1000)).toBe(1)
    expect(held(state, 1200)).toBe(0)
  })

  it('restarts the duration of a lease when the lease is renewed', () => {
    let state = hold(hold(concurrency.fresh(limit, 0), 0, 'a'), 0, 'b')
    state = settle(concurrency.advance(limit, state, 900), 'a', 1)
    expect(held(state, 1899)).toBe(1)
    expect(held(state, 1900)).toBe(0)
  })

  it('frees all slots of a lease together', () => {
    const state = hold(hold(concurrency.fresh(limit, 0), 0, 'a', 2), 500, 'b')
    expect(concurrency.judge(limit, state, 1).retryAfter).toBe(500)
    expect(held(state, 1000)).toBe(1)
    expect(settle(state, 'a', 0).held).toBe(1)
    expect(settle(state, 'a', 1).held).toBe(2)
  })

  it('is idle once the last lease has ended', () => {
    const step = fc.record({
      elapsed: fc.integer({ min: -300, max: 600 }),
      lease: fc.constantFrom('a', 'b', 'c', 'd'),
      slots: fc.nat(2),
      length: fc.constantFrom(1000, 400),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let now = 0
        let state = concurrency.fresh(limit, now)
        for (const { elapsed, lease, slots, length } of steps) {
          now += elapsed
          const current = { ...limit, lease: length }
          state = concurrency.advance(current, state, now)
          state = concurrency.settle(current, state, { cost: 1, at: 0, resetAfter: 1000, lease }, slots)
          const ends = [...state.leases.values()].map(({ until }) => until)
          expect(ends).toEqual(ends.toSorted((a, b) => a - b))
          expect(concurrency.idleAfter(current, state)).toBe(Math.max(now, ...ends) - now)
          expect(ends.every((until) => until > now)).toBe(true)
        }
      }),
    )
  })

  it('frees nothing for an unknown lease', () => {
    const state = hold(concurrency.fresh(limit, 0), 0, 'a')
    expect(settle(state, 'unknown', 0).held).toBe(1)
    expect(settle(settle(state, 'a', 0), 'a', 0).held).toBe(0)
    expect(concurrency.settle(limit, state, { cost: 1, at: 0, resetAfter: 1000 }, 0).held).toBe(1)
  })

  it('ends every lease within one lease duration if the clock is set back', () => {
    const state = concurrency.advance(
      limit,
      hold(hold(concurrency.fresh(limit, 0), 9000, 'a'), 9500, 'b'),
      100,
    )
    expect(state.held).toBe(2)
    expect(concurrency.idleAfter(limit, state)).toBe(1000)
    expect(held(state, 1100)).toBe(0)
  })

  it('ends each lease after its own duration', () => {
    const short = { ...limit, lease: 100 }
    let state = hold(concurrency.fresh(limit, 0), 0, 'long')
    state = hold(state, 10, 'short', 1, short)
    state = hold(state, 20, 'shorter', 1, short)
    expect(concurrency.judge(short, state, 1).retryAfter).toBe(90)
    expect(held(state, 110, short)).toBe(2)
    expect(held(state, 120, short)).toBe(1)
    state = settle(concurrency.advance(limit, state, 130), 'long', 1)
    state = hold(state, 140, 'last', 1, short)
    expect(held(state, 240)).toBe(1)
    expect(held(state, 1130)).toBe(0)
  })

  it('keeps held slots when the limit changes', () => {
    const state = hold(concurrency.fresh(limit, 0), 0, 'a', 3)
    const to = { ...limit, limit: 2 }
    expect(concurrency.judge(to, concurrency.advance(to, state, 0, limit), 1)).toMatchObject({
      allowed: false,
      remaining: 0,
      retryAfter: 1000,
    })
  })
})
