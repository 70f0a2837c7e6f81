import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EntryPool } from '../../src/replay/columns/entry-pool.js'
import { KeyIndex, NO_SLOT } from '../../src/replay/columns/key-index.js'
import { LOG_NUMBERS, SlidingLogs } from '../../src/replay/columns/sliding-logs.js'
import { SlotColumns } from '../../src/replay/columns/slot-columns.js'
import { StringIndex } from '../../src/replay/columns/string-index.js'

describe('StringIndex', () => {
  it('finds the same numbers as a Map, even after strings are removed', () => {
    const texts = Array.from({ length: 6000 }, (_, index) => `text ${index % 2 === 0 ? index : -index}`)
    const actions = fc.array(fc.record({ from: fc.nat(5999), count: fc.nat(3000), forget: fc.nat(20) }))
    fc.assert(
      fc.property(actions, (all) => {
        const table = new StringIndex()
        const model = new Map<string, number>()
        let numbers = 0
        for (const { from, count, forget } of all) {
          for (const text of texts.slice(from, from + count)) {
            expect(table.find(text)).toBe(model.get(text) ?? 0)
            if (model.has(text)) continue
            table.add(++numbers)
            model.set(text, numbers)
          }
          const isForgotten = (number: number) => number % (forget + 1) === forget
          table.forget(isForgotten)
          for (const [text, number] of model) if (isForgotten(number)) model.delete(text)
          expect(table.size).toBe(model.size)
        }
      }),
      { numRuns: 30 },
    )
  })
})

describe('SlidingLogs', () => {
  const action = fc.record({
    slot: fc.nat(4),
    elapsed: fc.nat(40),
    kind: fc.constantFrom('add', 'add', 'lower', 'end'),
    cost: fc.integer({ min: 1, max: 9 }),
    choice: fc.nat(1000),
  })

  it('sums the trailing period like a full scan of a list', () => {
    const period = 100
    fc.assert(
      fc.property(fc.array(action, { maxLength: 300 }), (actions) => {
        const entries = new EntryPool()
        const numbers = new SlotColumns(LOG_NUMBERS)
        const logs = new SlidingLogs(entries, numbers)
        const charges: { slot: number; at: number; cost: number; entry: number }[] = []
        for (let slot = 0; slot < 5; slot++) logs.begin(slot)
        let now = 0
        const chargesInPeriod = (of: number) =>
          charges.filter(({ slot, at }) => slot === of && now - at < period)
        for (const { slot, elapsed, kind, cost, choice } of actions) {
          now += elapsed
          // Callers of `lower` also call this first.
          logs.sumAt(slot, now, period)
          const known = charges.filter((each) => each.slot === slot)
          const chosen = known[choice % Math.max(1, known.length)]
          if (kind === 'add') charges.push({ slot, at: now, cost, entry: logs.add(slot, now, cost) })
          if (kind === 'lower' && chosen !== undefined) {
            logs.lower(slot, chosen.entry, chosen.at, Math.min(cost, chosen.cost))
            chosen.cost = Math.min(cost, chosen.cost)
          }
          if (kind === 'end') {
            logs.end(slot)
            for (const each of known) each.slot = -1
          }
          for (let each = 0; each < 5; each++)
            expect(logs.sumAt(each, now, period)).toBe(
              chargesInPeriod(each).reduce((sum, entry) => sum + entry.cost, 0),
            )
          expect(entries.count).toBe([0, 1, 2, 3, 4].flatMap(chargesInPeriod).length)
        }
      }),
    )
  })
})

describe('KeyIndex', () => {
  it('keeps a slot until its key expires and then reuses it', () => {
    const capacity = 16
    const age = 10
    const visit = fc.record({ key: fc.integer({ min: 0, max: 60 }), elapsed: fc.nat(2) })
    fc.assert(
      fc.property(fc.array(visit, { maxLength: 400 }), (all) => {
        const usedAt = new Map<number, number>()
        const slots = new KeyIndex(capacity, {
          begin: (slot) => expect(usedAt.has(slot)).toBe(false),
          isExpired: (slot, now) => now - (usedAt.get(slot) ?? 0) >= age,
          end: (slot) => usedAt.delete(slot),
        })
        const keys = new Map<number, { slot: number; at: number }>()
        let now = 0
        for (const { key, elapsed } of all) {
          now += elapsed
          const inUse = [...keys.values()].filter(({ at }) => now - at < age).length
          const before = keys.get(key)
          const slot = slots.of(`key ${key}`, now)
          if (slot === NO_SLOT) {
            expect(inUse).toBeGreaterThan((capacity * 7) / 8)
            return
          }
          if (before !== undefined && now - before.at < age) expect(slot).toBe(before.slot)
          expect(slot).toBeLessThanOrEqual(capacity)
          keys.set(key, { slot, at: now })
          usedAt.set(slot, now)
        }
      }),
    )
  })

  it.each([
    [87, false],
    [88, true],
  ])('runs out of 100 slots while %i stay in use (expected: %s)', (inUseCount, runsOut) => {
    const inUse = new Set<number>()
    const slots = new KeyIndex(100, {
      begin: (slot) => inUse.add(slot),
      isExpired: (slot) => slot > inUseCount,
      end: (slot) => inUse.delete(slot),
    })
    const assigned = Array.from({ length: 1000 }, (_, index) => slots.of(`key ${index}`, index))
    expect(assigned.includes(NO_SLOT)).toBe(runsOut)
    expect(inUse.size).toBeLessThanOrEqual(100)
    slots.clear()
    expect(inUse.size).toBe(0)
  })
})
