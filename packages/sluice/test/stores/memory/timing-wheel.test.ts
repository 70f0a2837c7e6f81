import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SlotArena } from '../../../src/stores/memory/slot-arena.js'
import { TimingWheel } from '../../../src/stores/memory/timing-wheel.js'

const TICK_MS = 16
const DAY = 86_400_000

class Timer {
  constructor(public expiresAt: number) {}
}

/** Returns a wheel that drops expired entries and reschedules others, as the store does. */
function wheelAt(start: number) {
  const slots = new SlotArena()
  const byNumber = new TimingWheel(slots, start)
  const timers = new Map<number, Timer>()
  const numbers = new Map<Timer, number>()
  const wheel = {
    schedule(timer: Timer) {
      const slot = numbers.get(timer) ?? slots.allocate()
      timers.set(slot, timer)
      numbers.set(timer, slot)
      byNumber.schedule(slot, timer.expiresAt)
    },
    remove(timer: Timer) {
      byNumber.remove(numbers.get(timer) as number)
    },
  }
  const expired: Timer[] = []
  let visits = 0
  return {
    wheel,
    expired,
    visits: () => visits,
    pass(now: number, max = Number.POSITIVE_INFINITY) {
      byNumber.advance(now)
      byNumber.collect(max, (slot) => {
        const timer = timers.get(slot) as Timer
        visits++
        if (timer.expiresAt <= now) expired.push(timer)
        else wheel.schedule(timer)
      })
    },
  }
}

describe('TimingWheel', () => {
  it.each([0, 1, 15, 16, 1000, 1024, 16_384, 65_536, DAY, 30 * DAY, 365 * DAY, 3650 * DAY])(
    'reports a slot that expires in %d ms at most two ticks late, and never early',
    (wait) => {
      for (const start of [0, 7, 1023, 1024 * 16 - 1, Date.UTC(2026, 10, 24) + 0.3]) {
        const { wheel, expired, pass } = wheelAt(start)
        wheel.schedule(new Timer(start + wait))
        for (const share of [0.1, 0.5, 0.9, 0.999]) pass(start + wait * share)
        if (wait > 0) expect(expired).toHaveLength(0)
        pass(start + wait + 2 * TICK_MS)
        expect(expired).toHaveLength(1)
      }
    },
  )

  it('loses no slot and reports none early, in any order of operations', () => {
    const step = fc.record({
      wait: fc.oneof(fc.nat(100), fc.nat(100_000), fc.nat(40 * DAY), fc.integer({ min: -DAY, max: 0 })),
      add: fc.array(fc.oneof(fc.nat(50), fc.nat(100_000), fc.nat(400 * DAY)), { maxLength: 5 }),
      postpone: fc.boolean(),
      remove: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        let now = Date.UTC(2026, 10, 24)
        const { wheel, expired, pass } = wheelAt(now)
        const scheduled = new Set<Timer>()
        for (const { wait, add, postpone, remove } of steps) {
          now += wait
          pass(now)
          for (const timer of expired.splice(0)) {
            expect(scheduled.delete(timer)).toBe(true)
            expect(timer.expiresAt).toBeLessThanOrEqual(now)
          }
          for (const timer of scheduled) expect(timer.expiresAt).toBeGreaterThan(now - 2 * TICK_MS)
          for (const life of add) {
            const timer = new Timer(now + life)
            scheduled.add(timer)
            wheel.schedule(timer)
          }
          const [first] = scheduled
          if (first !== undefined && postpone) first.expiresAt += DAY
          if (first !== undefined && remove && !postpone) {
            wheel.remove(first)
            scheduled.delete(first)
          }
        }
        pass(now + 500 * DAY + 40 * steps.length * DAY)
        expect(expired).toHaveLength(scheduled.size)
      }),
      { seed: 20261124, numRuns: 300 },
    )
  })

  it('visits at most the allowed number of slots, and only due ones', () => {
    const { wheel, visits, expired, pass } = wheelAt(0)
    for (let count = 0; count < 1000; count++) wheel.schedule(new Timer(1000))
    for (let count = 0; count < 1000; count++) wheel.schedule(new Timer(DAY))
    pass(900, 8)
    expect(visits()).toBe(0)
    pass(1100, 8)
    expect(visits()).toBe(8)
    for (let call = 0; call < 200; call++) pass(1100, 8)
    expect(expired).toHaveLength(1000)
    expect(visits()).toBe(1000)
  })

  it('visits a slot at most once per level', () => {
    for (const life of [100, 10_000, DAY, 30 * DAY, 365 * DAY, 3650 * DAY]) {
      const { wheel, visits, expired, pass } = wheelAt(12_345)
      wheel.schedule(new Timer(12_345 + life))
      for (let step = 1; step <= 5000; step++) pass(12_345 + (life * step) / 5000)
      pass(12_345 + life + 2 * TICK_MS)
      expect(expired).toHaveLength(1)
      expect(visits()).toBeLessThanOrEqual(7)
    }
  })

  it('reports a postponed slot only at its later expiry', () => {
    const { wheel, expired, pass } = wheelAt(0)
    const timer = new Timer(1000)
    wheel.schedule(timer)
    timer.expiresAt = 50_000
    pass(49_999)
    expect(expired).toHaveLength(0)
    pass(50_040)
    expect(expired).toEqual([timer])
  })

  it('reports a slot that was moved to an earlier time at that time', () => {
    const { wheel, expired, pass } = wheelAt(0)
    const timer = new Timer(DAY)
    wheel.schedule(timer)
    timer.expiresAt = 100
    wheel.schedule(timer)
    pass(140)
    expect(expired).toEqual([timer])
  })
})
