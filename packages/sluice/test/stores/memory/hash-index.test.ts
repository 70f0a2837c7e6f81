import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HashIndex } from '../../../src/stores/memory/hash-index.js'
import { SlotArena } from '../../../src/stores/memory/slot-arena.js'

type Hash = (key: number) => readonly [low: number, high: number]

/** Hash with few distinct low halves, so that many keys share a bucket. */
const poor: Hash = (key) => [(key % 7) << 20, Math.floor(key / 7)]
const good: Hash = (key) => [Math.imul(key, 0x9e3779b1), key % 5]

/** Returns an index of numeric keys. */
function tableOf(hash: Hash) {
  const slots = new SlotArena()
  const table = new HashIndex(slots)
  return {
    table,
    find: (key: number) => table.find(...hash(key)),
    add(key: number) {
      const slot = slots.allocate()
      table.add(slot, ...hash(key))
      return slot
    },
    remove(slot: number) {
      table.remove(slot)
      slots.release(slot)
    },
  }
}

describe('HashIndex', () => {
  it('finds the same keys as a Map after any additions and removals', () => {
    const step = fc.record({ key: fc.nat(300), remove: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 600 }), (steps) => {
        const { table, find, add, remove } = tableOf(poor)
        const model = new Map<number, number>()
        for (const { key, remove: out } of steps) {
          const slot = model.get(key)
          expect(find(key)).toBe(slot ?? 0)
          if (slot === undefined) model.set(key, add(key))
          else if (out) {
            remove(slot)
            model.delete(key)
          }
        }
        expect(table.count).toBe(model.size)
        for (let key = 0; key <= 300; key++) expect(find(key)).toBe(model.get(key) ?? 0)
      }),
      { seed: 20261126, numRuns: 100 },
    )
  })

  it('keeps all keys while it grows and reuses free slots', () => {
    const { table, find, add, remove } = tableOf(good)
    const slots: number[] = []
    for (let key = 0; key < 30_000; key++) slots.push(add(key))
    for (let key = 0; key < 30_000; key++) if (find(key) !== slots[key]) expect.fail(`key ${key} is lost`)
    expect(find(30_000)).toBe(0)
    for (let key = 0; key < 30_000; key += 2) remove(slots[key] as number)
    for (let key = 0; key < 30_000; key++)
      if (find(key) !== (key % 2 === 0 ? 0 : slots[key])) expect.fail(`key ${key} is wrong`)
    const highest = Math.max(...slots)
    for (let key = 0; key < 30_000; key += 2) expect(add(key)).toBeLessThanOrEqual(highest)
    expect(table.count).toBe(30_000)
  })
})
