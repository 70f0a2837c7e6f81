import fc from 'fast-check'
import { expect, it } from 'vitest'
import { LatencyHistogram } from '../../../../src/server/admin/live/latency-histogram.js'

const times = fc.array(fc.double({ min: 0.002, max: 100_000, noNaN: true }), { minLength: 1, maxLength: 300 })

/** Returns the exact quantile of the values. */
function quantile(values: readonly number[], fraction: number): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(fraction * values.length) - 1] as number
}

it('LatencyHistogram reports percentiles within 10 % and the exact maximum, and is empty after clear', () => {
  fc.assert(
    fc.property(times, times, (first, second) => {
      const histogram = new LatencyHistogram()
      const other = new LatencyHistogram()
      for (const latency of first) histogram.record(latency)
      for (const latency of second) other.record(latency)
      histogram.add(other)
      const all = [...first, ...second]
      const { count, p50, p99, max } = histogram.read()
      expect(count).toBe(all.length)
      expect(max / Math.max(...all)).toBeCloseTo(1, 2)
      for (const [reported, fraction] of [
        [p50, 0.5],
        [p99, 0.99],
      ] as const)
        expect(Math.abs(reported / quantile(all, fraction) - 1)).toBeLessThan(0.105)
      const empty = { count: 0, p50: 0, p99: 0, max: 0 }
      histogram.clear()
      expect(histogram.read()).toEqual(empty)
    }),
  )
})

it('LatencyHistogram accepts latencies below the first and above the last bucket', () => {
  const histogram = new LatencyHistogram()
  for (const latency of [0, 1e-9, 1e12]) histogram.record(latency)
  expect(histogram.read()).toMatchObject({ count: 3, max: 1e12 })
})
