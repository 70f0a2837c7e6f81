import { describe, expect, it } from 'vitest'
import type { Limit } from '../../../src/limits/limit.js'
import { memoryStore } from '../../../src/stores/memory/memory-store.js'
import { type Clock, manualClock } from '../../../src/time/clock.js'
import { ALL, bucket, charge, PERIOD } from '../conformance/harness.js'

const DAY = 86_400_000

describe('the memory store', () => {
  it.each(ALL)('%s: deletes state soon after its expiry, during any later decision', (_name, limitOf) => {
    const clock = manualClock(500)
    const store = memoryStore({ clock })
    const verdict = store.take([charge(limitOf(), 4)])[0]
    clock.advance((verdict?.resetAfter ?? 0) - 1)
    store.peek([charge(bucket(), 0, 'other')])
    expect(store.keys).toBe(1)
    clock.advance(40)
    store.peek([charge(bucket(), 0, 'other')])
    expect(store.keys).toBe(0)
  })

  it('stores only keys in use, however many arrive', () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    let maxStored = 0
    for (let key = 0; key < 50_000; key++) {
      clock.advance(1)
      store.take([charge(bucket(), 1, `key ${key}`)])
      maxStored = Math.max(maxStored, store.keys)
    }
    // Each key is in use for PERIOD / 4 and is collected a tick or two later.
    expect(maxStored).toBeLessThan(PERIOD / 4 + 100)
  })

  it('stores only keys in use when every request has five keys with long limits', () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const limits = [DAY, 7 * DAY, 30 * DAY, 365 * DAY, 3650 * DAY].map((period) => bucket(1, period))
    let maxStored = 0
    for (let request = 0; request < 4000; request++) {
      clock.advance(10 * DAY)
      store.take(
        limits.map((limit, rule) => charge(limit, 1, `client ${request}`, { scope: `rule ${rule}` })),
      )
      maxStored = Math.max(maxStored, store.keys)
    }
    // 1 + 1 + 3 + 37 + 365 keys are in use.
    expect(maxStored).toBeLessThan(450)
  })

  it('collects thousands of keys that expire together, a few per decision', () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    for (let key = 0; key < 20_000; key++) store.take([charge(bucket(), 1, `key ${key}`)])
    clock.advance(PERIOD)
    let before = store.keys
    while (before > 0) {
      store.peek([charge(bucket(), 0, 'other')])
      expect(before - store.keys).toBeLessThanOrEqual(8)
      if (store.keys === before) break
      before = store.keys
    }
    expect(store.keys).toBe(0)
  })

  it('stores nothing for a flood of refused requests', () => {
    const store = memoryStore({ clock: manualClock() })
    for (let key = 0; key < 1000; key++) store.take([charge(bucket(), 5, `key ${key}`)])
    for (let key = 0; key < 1000; key++) store.peek([charge(bucket(), 1, `key ${key}`)])
    expect(store.keys).toBe(0)
  })

  it('expires a calendar quota with its window, even when the wall clock is set back', () => {
    const quota: Limit = { algorithm: 'fixed-window', limit: 4, period: DAY, align: 'calendar' }
    let monotonic = 0
    let wall = Date.UTC(2026, 10, 24, 22)
    const clock: Clock = { now: () => monotonic, wallTime: () => wall }
    const pass = (milliseconds: number) => {
      monotonic += milliseconds
      wall += milliseconds
    }
    const store = memoryStore({ clock })
    store.take([charge(quota, 4)])
    wall -= DAY / 24
    pass(DAY / 12)
    // The monotonic clock has passed midnight; the corrected wall clock shows 23:00.
    for (let call = 0; call < 5; call++) store.take([charge(bucket(), 0, 'other')])
    expect(store.take([charge(quota, 1)])[0]?.allowed).toBe(false)
    pass(DAY / 24 + 100)
    for (let call = 0; call < 5; call++) store.take([charge(bucket(), 0, 'other')])
    expect(store.keys).toBe(0)
  })

  it('counts only live entries of a log', () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const limit: Limit = { algorithm: 'sliding-log', limit: 10, period: 1000 }
    for (let call = 0; call < 20_000; call++) {
      clock.advance(100)
      expect(store.take([charge(limit, 1)])[0]?.allowed).toBe(true)
    }
    expect(store.take([charge(limit, 1)])[0]?.allowed).toBe(false)
  })
})
