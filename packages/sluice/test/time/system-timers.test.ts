import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { systemTimers } from '../../src/time/timers.js'

const DAY = 86_400_000

describe('systemTimers', () => {
  beforeEach(() => vi.useFakeTimers())
  afterEach(() => vi.useRealTimers())

  it.each([1, 24, 25, 49, 50, 100, 3650])('calls back once, after exactly %s days', (days) => {
    let called = 0
    systemTimers.start(() => called++, days * DAY, true)
    vi.advanceTimersByTime(days * DAY - 1)
    expect(called).toBe(0)
    vi.advanceTimersByTime(1)
    expect(called).toBe(1)
    vi.advanceTimersByTime(100 * DAY)
    expect(called).toBe(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it.each([0, 30, 60])('can be stopped after %s of 100 days', (days) => {
    let called = 0
    const timer = systemTimers.start(() => called++, 100 * DAY)
    vi.advanceTimersByTime(days * DAY)
    systemTimers.stop(timer)
    expect(vi.getTimerCount()).toBe(0)
    vi.advanceTimersByTime(200 * DAY)
    expect(called).toBe(0)
  })

  it('ignores a second stop', () => {
    systemTimers.stop(undefined)
    const timer = systemTimers.start(() => {}, DAY)
    systemTimers.stop(timer)
    systemTimers.stop(timer)
    expect(vi.getTimerCount()).toBe(0)
  })
})
