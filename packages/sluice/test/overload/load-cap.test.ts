import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LoadCap } from '../../src/overload/load-cap.js'

describe('the cap of a load', () => {
  it('does not limit before too many requests wait', () => {
    const cap = new LoadCap()
    cap.update(2, 1, 500, true)
    expect(cap.limit).toBe(Number.POSITIVE_INFINITY)
  })

  it('falls to what the server works on, and what may wait', () => {
    const cap = new LoadCap()
    cap.update(40, 2, 100, true)
    expect(cap.limit).toBe(62)
  })

  it('is 1 if more wait than this gateway has sent', () => {
    const cap = new LoadCap()
    cap.update(500, 2, 100, true)
    expect(cap.limit).toBe(1)
  })

  it('grows by a tenth, or 1, while it binds and memory is left', () => {
    const cap = new LoadCap()
    cap.update(40, 0, 100, true)
    cap.update(0, 0, 59, true)
    cap.update(0, 0, 60, false)
    expect(cap.limit).toBe(60)
    cap.update(0, 0, 60, true)
    expect(cap.limit).toBe(66)
    cap.update(66, 0, 66, true)
    cap.update(0, 0, 1, true)
    expect(cap.limit).toBe(2)
  })

  it('is at least 1, whatever the server reports', () => {
    const report = fc.tuple(
      fc.nat(1_000_000),
      fc.double({ min: 0, max: 50, noNaN: true }),
      fc.nat(2_000),
      fc.boolean(),
    )
    fc.assert(
      fc.property(fc.array(report), (reports) => {
        const cap = new LoadCap()
        for (const each of reports) {
          cap.update(...each)
          expect(cap.limit).toBeGreaterThanOrEqual(1)
        }
      }),
      { seed: 9 },
    )
  })
})
