import fc from 'fast-check'
import { expect, it } from 'vitest'
import { SpaceSaving } from '../../../../src/server/observability/metrics/space-saving.js'

/** How often each key really came. */
function countsOf(stream: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const key of stream) counts.set(key, (counts.get(key) ?? 0) + 1)
  return counts
}

/** Keys of which a few come much more often than the others. */
const stream = fc.array(
  fc
    .oneof({ weight: 3, arbitrary: fc.nat(4) }, { weight: 2, arbitrary: fc.nat(200) })
    .map((key) => `key ${key}`),
  { maxLength: 2000 },
)

it('a count is never too low, and too high by no more than is said, which is at most a part of all', () => {
  fc.assert(
    fc.property(stream, fc.integer({ min: 1, max: 40 }), (keys, capacity) => {
      const counters = new SpaceSaving(capacity)
      for (const key of keys) counters.add(key)
      const exact = countsOf(keys)
      expect(counters.keys.length).toBe(Math.min(capacity, exact.size))
      for (const key of new Set([...exact.keys(), ...counters.keys])) {
        const { count, error } = counters.countOf(key)
        const truth = exact.get(key) ?? 0
        expect(count).toBeGreaterThanOrEqual(truth)
        expect(count - error).toBeLessThanOrEqual(truth)
        expect(error).toBeLessThanOrEqual(keys.length / capacity)
      }
      // Who came more often than the bound has a counter.
      for (const [key, truth] of exact)
        if (truth > keys.length / capacity) expect(counters.keys).toContain(key)
    }),
  )
})

it('with a counter for each key it is exact', () => {
  fc.assert(
    fc.property(stream, (keys) => {
      const counters = new SpaceSaving(1000)
      for (const key of keys) counters.add(key)
      for (const [key, count] of countsOf(keys)) expect(counters.countOf(key)).toEqual({ count, error: 0 })
    }),
  )
})
