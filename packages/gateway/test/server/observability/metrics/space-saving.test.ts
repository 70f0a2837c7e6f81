import fc from 'fast-check'
import { expect, it } from 'vitest'
import { SpaceSaving } from '../../../../src/server/observability/metrics/space-saving.js'

/** Returns the exact count of each key. */
function countsOf(stream: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const key of stream) counts.set(key, (counts.get(key) ?? 0) + 1)
  return counts
}

/** A stream in which a few keys are much more frequent than the others. */
const stream = fc.array(
  fc
    .oneof({ weight: 3, arbitrary: fc.nat(4) }, { weight: 2, arbitrary: fc.nat(200) })
    .map((key) => `key ${key}`),
  { maxLength: 2000 },
)

it('SpaceSaving overestimates a count by at most its error, and bounds the error', () => {
  fc.assert(
    fc.property(stream, fc.integer({ min: 1, max: 40 }), (keys, capacity) => {
      const counters = new SpaceSaving(capacity)
      for (const key of keys) counters.add(key)
      const exact = countsOf(keys)
      expect(counters.keys.length).toBe(Math.min(capacity, exact.size))
      for (const key of new Set([...exact.keys(), ...counters.keys])) {
        const { count, error } = counters.countOf(key)
        const actual = exact.get(key) ?? 0
        expect(count).toBeGreaterThanOrEqual(actual)
        expect(count - error).toBeLessThanOrEqual(actual)
        expect(error).toBeLessThanOrEqual(keys.length / capacity)
      }
      // Every key above the bound has a counter.
      for (const [key, actual] of exact)
        if (actual > keys.length / capacity) expect(counters.keys).toContain(key)
    }),
  )
})

it('SpaceSaving counts exactly if each key has its own counter', () => {
  fc.assert(
    fc.property(stream, (keys) => {
      const counters = new SpaceSaving(1000)
      for (const key of keys) counters.add(key)
      for (const [key, count] of countsOf(keys)) expect(counters.countOf(key)).toEqual({ count, error: 0 })
    }),
  )
})
