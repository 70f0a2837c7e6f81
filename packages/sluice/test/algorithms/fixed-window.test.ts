import { describe, expect, it } from 'vitest'
import { type FixedWindowState, fixedWindow } from '../../src/algorithms/fixed-window.js'
import type { FixedWindowLimit } from '../../src/limits/limit.js'

const DAY = 86_400_000
const limit: FixedWindowLimit = { algorithm: 'fixed-window', limit: 5, period: 1000 }
const daily: FixedWindowLimit = { algorithm: 'fixed-window', limit: 5, period: DAY, align: 'calendar' }
const noon = Date.UTC(2026, 10, 24, 12)

function taken(of: FixedWindowLimit, now: number, cost: number): FixedWindowState {
  return fixedWindow.take(of, fixedWindow.fresh(of, now), cost, '')
}

describe('the fixed window', () => {
  it('opens with the first request and closes a period later', () => {
    let state = fixedWindow.advance(limit, fixedWindow.fresh(limit, 0), 700)
    expect(fixedWindow.judge(limit, state, 5)).toMatchObject({
      allowed: true,
      remaining: 0,
      resetAfter: 1000,
    })
    state = fixedWindow.advance(limit, fixedWindow.take(limit, state, 5, ''), 1699)
    expect(fixedWindow.judge(limit, state, 1)).toMatchObject({
      allowed: false,
      retryAfter: 1,
      resetAfter: 1,
      moreAfter: 1,
    })
    state = fixedWindow.advance(limit, state, 1700)
    expect(fixedWindow.judge(limit, state, 5).allowed).toBe(true)
  })

  it('admits up to twice the limit in a period that straddles two windows, as documented', () => {
    const first = fixedWindow.advance(limit, fixedWindow.take(limit, taken(limit, 0, 1), 0, ''), 999)
    expect(fixedWindow.judge(limit, first, 4).allowed).toBe(true)
    const second = fixedWindow.advance(limit, fixedWindow.take(limit, first, 4, ''), 1000)
    expect(fixedWindow.judge(limit, second, 5).allowed).toBe(true)
    expect(fixedWindow.judge(limit, second, 6)).toMatchObject({
      allowed: false,
      retryAfter: Number.POSITIVE_INFINITY,
    })
  })

  it('aligns a calendar window to the day in its time zone', () => {
    const state = taken(daily, noon, 5)
    expect(fixedWindow.judge(daily, state, 1)).toMatchObject({ allowed: false, retryAfter: DAY / 2 })
    const midnight = fixedWindow.advance(daily, state, noon + DAY / 2)
    expect(fixedWindow.judge(daily, midnight, 5)).toMatchObject({ allowed: true, resetAfter: DAY })
  })

  it('ends a calendar window at midnight, even if the first request arrives at noon', () => {
    const state = fixedWindow.fresh(daily, noon)
    expect(fixedWindow.judge(daily, state, 1)).toMatchObject({
      allowed: true,
      resetAfter: DAY / 2,
      remaining: 4,
    })
  })

  it('moves the window and its count to the current time if the clock is set back before its start', () => {
    const back = fixedWindow.advance(limit, taken(limit, 10_000, 5), 3000)
    expect(fixedWindow.judge(limit, back, 1)).toMatchObject({ allowed: false, retryAfter: 1000 })
    expect(fixedWindow.advance(limit, back, 4000).count).toBe(0)
  })

  it('opens no second calendar window because of clock jitter at midnight', () => {
    const midnight = noon + DAY / 2
    let state = taken(daily, midnight, 5)
    for (const jitter of [-1, 1, -500, -60_000, 0, -59_999]) {
      state = fixedWindow.advance(daily, state, midnight + jitter)
      expect(fixedWindow.judge(daily, state, 1).allowed).toBe(false)
      expect(state.end).toBe(midnight + DAY)
    }
  })

  it('keeps the count of a calendar window if the clock is set back a day', () => {
    const back = fixedWindow.advance(daily, taken(daily, noon, 5), noon - DAY)
    expect(fixedWindow.judge(daily, back, 1)).toMatchObject({ allowed: false, retryAfter: DAY / 2 })
    expect(fixedWindow.advance(daily, back, noon).count).toBe(0)
  })

  it('refunds only into the window of the charge, and charges debt to the current window', () => {
    const charge = { cost: 4, at: 0, resetAfter: 1000 }
    expect(fixedWindow.settle(limit, taken(limit, 0, 4), charge, 1).count).toBe(1)
    const next = taken(limit, 1000, 3)
    expect(fixedWindow.settle(limit, next, charge, 0).count).toBe(3)
    expect(fixedWindow.settle(limit, next, charge, 9).count).toBe(8)
    expect(fixedWindow.settle(limit, taken(limit, 0, 1), { ...charge, cost: 50 }, 0).count).toBe(0)
  })

  it('converts the state of another algorithm into a window that opens with its first charge', () => {
    const minute = { ...limit, period: 60_000 }
    const usage = { units: 4, sinceAge: 50_000, lastAge: 10_000 }
    expect(fixedWindow.fromUsage(minute, 100_000, usage)).toEqual({
      at: 100_000,
      start: 50_000,
      end: 110_000,
      count: 4,
    })
    expect(
      fixedWindow.fromUsage(minute, 120_000, { ...usage, sinceAge: 70_000, lastAge: 30_000 }).count,
    ).toBe(0)
  })

  it('converts charges that span more than a window into a window that opens with the last charge', () => {
    const minute = { ...limit, period: 60_000 }
    const usage = { units: 400, sinceAge: 3_600_000, lastAge: 10_000 }
    const state = fixedWindow.fromUsage(minute, 4_000_000, usage)
    expect(state).toMatchObject({ start: 3_990_000, end: 4_050_000, count: 400 })
  })

  it('converts the state of another algorithm only if its last charge is in the current calendar window', () => {
    const day = { ...limit, period: 86_400_000, align: 'calendar' as const }
    const now = 20_000 * 86_400_000 + 3_600_000
    expect(fixedWindow.fromUsage(day, now, { units: 4, sinceAge: 9e6, lastAge: 3_600_000 }).count).toBe(4)
    expect(fixedWindow.fromUsage(day, now, { units: 4, sinceAge: 9e6, lastAge: 3_600_001 }).count).toBe(0)
  })
})
