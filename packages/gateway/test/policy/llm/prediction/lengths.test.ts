import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Lengths } from '../../../../src/policy/llm/prediction/lengths.js'

const SEED = 20261203

describe('the lengths of answers', () => {
  it('have quantiles at most a quarter above those of the sorted lengths', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 300_000 }), { minLength: 1, maxLength: 500 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (lengths, level) => {
          const learned = new Lengths()
          for (const length of lengths) learned.add(length)
          const sorted = [...lengths].sort((one, other) => one - other)
          const exact = sorted[Math.max(0, Math.ceil(level * (1 - 1e-6) * sorted.length) - 1)] as number
          expect(learned.answers).toBe(lengths.length)
          expect(learned.quantile(level)).toBeGreaterThanOrEqual(exact)
          expect(learned.quantile(level)).toBeLessThanOrEqual(Math.ceil(1.25 * exact))
        },
      ),
      { seed: SEED },
    )
  })

  it('fade: after a change, new answers outweigh many more old ones', () => {
    const learned = new Lengths()
    for (let count = 0; count < 100_000; count += 1) learned.add(10)
    expect(learned.answers).toBeLessThanOrEqual(1000)
    expect(learned.quantile(0.5)).toBeLessThan(13)
    for (let count = 0; count < 1000; count += 1) learned.add(2000)
    expect(learned.quantile(0.5)).toBeGreaterThanOrEqual(2000)
  })

  it('have bounds for nothing, empty answers and absurd ones', () => {
    const learned = new Lengths()
    expect(learned.quantile(0.5)).toBe(0)
    learned.add(0)
    expect(learned.quantile(1)).toBe(1)
    learned.add(1e15)
    expect(learned.quantile(1)).toBe(Math.ceil(1.25 ** 59))
  })
})
