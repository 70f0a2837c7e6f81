import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SlotArena } from '../../../src/stores/memory/slot-arena.js'
import { TimingWheel } from '../../../src/stores/memory/timing-wheel.js'

const TICK = 16
const DAY = 86_400_000

class Thing {
  constructor(public expiresAt: number) {}
}

/** A wheel that forgets what is over and puts the rest in again, as the store does it. */
function wheelAt(start: number) {
  const slots = new SlotArena()
  const byNumber = new TimingWheel(slots, start)
  const things = new Map<number, Thing>()
  const numbers = new Map<Thing, number>()
  const wheel = {
    schedule(thing: Thing) {
      const slot = numbers.get(thing) ?? slots.allocate()
      things.set(slot, thing)
      numbers.set(thing, slot)
      byNumber.schedule(slot, thing.expiresAt)
    },
    remove(thing: Thing) {
      byNumber.remove(numbers.get(thing) as number)
    },
  }
  const expired: Thing[] = []
  let looks = 0
  return {
    wheel,
    expired,
    looks: () => looks,
    pass(now: number, most = Number.POSITIVE_INFINITY) {
      byNumber.advance(now)
      byNumber.collect(most, (slot) => {
        const thing = things.get(slot) as Thing
        looks++
        if (thing.expiresAt <= now) expired.push(thing)
        else wheel.schedule(thing)
      })
    },
  }
}

describe('the timing wheel', () => {
  it.each([0, 1, 15, 16, 1000, 1024, 16_384, 65_536, DAY, 30 * DAY, 365 * DAY, 3650 * DAY])(
    'finds what is over after %d ms: not before, and within two ticks',
    (wait) => {
      for (const start of [0, 7, 1023, 1024 * 16 - 1, Date.UTC(2026, 10, 24) + 0.3]) {
        const { wheel, expired, pass } = wheelAt(start)
        wheel.schedule(new Thing(start + wait))
        for (const share of [0.1, 0.5, 0.9, 0.999]) pass(start + wait * share)
        if (wait > 0) expect(expired).toHaveLength(0)
        pass(start + wait + 2 * TICK)
        expect(expired).toHaveLength(1)
      }
    },
  )

  it('loses nothing and hands over nothing early, whatever comes in whatever order', () => {
    const step = fc.record({
      wait: fc.oneof(fc.nat(100), fc.nat(100_000), fc.nat(40 * DAY), fc.integer({ min: -DAY, max: 0 })),
      add: fc.array(fc.oneof(fc.nat(50), fc.nat(100_000), fc.nat(400 * DAY)), { maxLength: 5 }),
      putOff: fc.boolean(),
      remove: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        let now = Date.UTC(2026, 10, 24)
        const { wheel, expired, pass } = wheelAt(now)
        const kept = new Set<Thing>()
        for (const { wait, add, putOff, remove } of steps) {
          now += wait
          pass(now)
          for (const thing of expired.splice(0)) {
            expect(kept.delete(thing)).toBe(true)
            expect(thing.expiresAt).toBeLessThanOrEqual(now)
          }
          for (const thing of kept) expect(thing.expiresAt).toBeGreaterThan(now - 2 * TICK)
          for (const life of add) {
            const thing = new Thing(now + life)
            kept.add(thing)
            wheel.schedule(thing)
          }
          const [first] = kept
          if (first !== undefined && putOff) first.expiresAt += DAY
          if (first !== undefined && remove && !putOff) {
            wheel.remove(first)
            kept.delete(first)
          }
        }
        pass(now + 500 * DAY + 40 * steps.length * DAY)
        expect(expired).toHaveLength(kept.size)
      }),
      { seed: 20261124, numRuns: 300 },
    )
  })

  it('looks at no more than it is allowed to, and at nothing that is not due', () => {
    const { wheel, looks, expired, pass } = wheelAt(0)
    for (let count = 0; count < 1000; count++) wheel.schedule(new Thing(1000))
    for (let count = 0; count < 1000; count++) wheel.schedule(new Thing(DAY))
    pass(900, 8)
    expect(looks()).toBe(0)
    pass(1100, 8)
    expect(looks()).toBe(8)
    for (let call = 0; call < 200; call++) pass(1100, 8)
    expect(expired).toHaveLength(1000)
    expect(looks()).toBe(1000)
  })

  it('a thing is looked at no more than once a level, however long it lives', () => {
    for (const life of [100, 10_000, DAY, 30 * DAY, 365 * DAY, 3650 * DAY]) {
      const { wheel, looks, expired, pass } = wheelAt(12_345)
      wheel.schedule(new Thing(12_345 + life))
      for (let step = 1; step <= 5000; step++) pass(12_345 + (life * step) / 5000)
      pass(12_345 + life + 2 * TICK)
      expect(expired).toHaveLength(1)
      expect(looks()).toBeLessThanOrEqual(7)
    }
  })

  it('a thing that is put off is looked at when it was first due and found when it is over', () => {
    const { wheel, expired, pass } = wheelAt(0)
    const thing = new Thing(1000)
    wheel.schedule(thing)
    thing.expiresAt = 50_000
    pass(49_999)
    expect(expired).toHaveLength(0)
    pass(50_040)
    expect(expired).toEqual([thing])
  })

  it('a thing that is moved forward is found early', () => {
    const { wheel, expired, pass } = wheelAt(0)
    const thing = new Thing(DAY)
    wheel.schedule(thing)
    thing.expiresAt = 100
    wheel.schedule(thing)
    pass(140)
    expect(expired).toEqual([thing])
  })
})
