import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GapCap } from '../../src/overload/gap-cap.js'

describe('the cap of a gap', () => {
  it('does not limit before the gap exceeds its target', () => {
    const cap = new GapCap(40)
    for (let count = 0; count < 20; count++) cap.update(39, 500)
    expect(cap.limit).toBe(Number.POSITIVE_INFINITY)
  })

  it('falls in proportion to the gap, by at most a fifth', () => {
    const slightly = new GapCap(40)
    slightly.update(44, 100)
    expect(slightly.limit).toBeCloseTo((100 * 40) / 44, 9)
    const far = new GapCap(40)
    far.update(400, 100)
    expect(far.limit).toBeCloseTo(80, 9)
  })

  it('does not fall again before the last cut has drained', () => {
    const cap = new GapCap(40)
    cap.update(400, 100)
    cap.update(400, 95)
    expect(cap.limit).toBeCloseTo(80, 9)
    cap.update(400, 81)
    expect(cap.limit).toBeCloseTo(64.8, 9)
  })

  it('rises only while it binds', () => {
    const cap = new GapCap(40)
    cap.update(50, 100)
    expect(cap.limit).toBeCloseTo(80, 9)
    for (let count = 0; count < 40; count++) cap.update(10, 50)
    expect(cap.limit).toBeCloseTo(80, 9)
    cap.update(10, 80)
    expect(cap.limit).toBeGreaterThan(80)
  })

  it('is at least 4 and a number, whatever the gaps', () => {
    const interval = fc.tuple(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.nat(2_000))
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.array(interval), (target, intervals) => {
        const cap = new GapCap(target)
        for (const [gap, inFlight] of intervals) {
          cap.update(gap, inFlight)
          expect(cap.limit).toBeGreaterThanOrEqual(4)
        }
      }),
      { seed: 7 },
    )
  })
})
