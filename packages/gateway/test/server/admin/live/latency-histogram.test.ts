import fc from 'fast-check'
import { expect, it } from 'vitest'
import { LatencyHistogram } from '../../../../src/server/admin/live/latency-histogram.js'

const times = fc.array(fc.double({ min: 0.002, max: 100_000, noNaN: true }), { minLength: 1, maxLength: 300 })

/** The value that so large a part of them is not above. */
function quantile(values: readonly number[], part: number): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(part * values.length) - 1] as number
}

it('percentiles are within 10 % of the exact ones, the largest is exact, and each second begins anew', () => {
  fc.assert(
    fc.property(times, times, (first, second) => {
      const recorder = new LatencyHistogram()
      const other = new LatencyHistogram()
      for (const took of first) recorder.record(took)
      for (const took of second) other.record(took)
      recorder.absorb(other)
      const all = [...first, ...second]
      const { count, p50, p99, max } = recorder.take()
      expect(count).toBe(all.length)
      expect(max / Math.max(...all)).toBeCloseTo(1, 2)
      for (const [told, part] of [
        [p50, 0.5],
        [p99, 0.99],
      ] as const)
        expect(Math.abs(told / quantile(all, part) - 1)).toBeLessThan(0.105)
      const nothing = { count: 0, p50: 0, p99: 0, max: 0 }
      expect([recorder.take(), other.take()]).toEqual([nothing, nothing])
    }),
  )
})

it('takes times beyond all bounds, and none', () => {
  const recorder = new LatencyHistogram()
  for (const took of [0, 1e-9, 1e12]) recorder.record(took)
  expect(recorder.take()).toMatchObject({ count: 3, max: 1e12 })
})
