import { describe, expect, it } from 'vitest'
import { SampledIntegral } from '../../../src/replay/server/sampled-integral.js'

describe('a sampled integral', () => {
  it('interpolates between samples and keeps the last value', () => {
    const integral = new SampledIntegral()
    expect(integral.valueAt(5)).toBe(0)
    integral.note(0, 0)
    integral.note(100, 50)
    integral.note(200, 250)
    integral.note(205, 300)
    expect([0, 50, 100, 150, 205, 1000].map((at) => integral.valueAt(at))).toEqual([0, 25, 50, 150, 300, 300])
  })

  it('stays accurate to its interval however many values it notes', () => {
    const integral = new SampledIntegral()
    for (let at = 0; at <= 1_000_000; at += 10) integral.note(at, at * 2)
    for (const at of [0, 12_345, 500_000, 999_995]) expect(integral.valueAt(at)).toBeCloseTo(at * 2, 6)
  })
})
