import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LoggedRequest } from '../../../src/replay/server/served-log.js'
import { jainIndex, maxMinShares, shareFairness } from '../../../src/replay/server/share-fairness.js'

/** A request that waits from the start, and is served at a constant rate from `beganAt` to `endedAt`. */
function request(tenant: string, service: number, beganAt: number, endedAt: number): LoggedRequest {
  return {
    tenant,
    ...{ arrivedAt: -1, decidedAt: -1, sentAt: -1, beganAt, endedAt },
    input: service,
    output: 0,
    service,
  }
}

describe('the fairness of shares', () => {
  it('divides a capacity by filling all demands equally', () => {
    expect(maxMinShares(10, [8, 2, 8])).toEqual([4, 2, 4])
    expect(maxMinShares(100, [8, 2, 8])).toEqual([8, 2, 8])
    expect(maxMinShares(9, [8, 8, 8])).toEqual([3, 3, 3])
  })

  it('never gives a tenant more than it demands while another one gets less and demands more', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 100 }),
        fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1 }),
        (capacity, demands) => {
          const shares = maxMinShares(capacity, demands)
          const total = demands.reduce((sum, demand) => sum + demand, 0)
          expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(Math.min(capacity, total))
          const most = Math.max(...shares)
          shares.forEach((share, index) => {
            expect(share).toBeLessThanOrEqual(demands[index] as number)
            if (share < most - 1e-9) expect(share).toBeCloseTo(demands[index] as number)
          })
        },
      ),
      { seed: 19 },
    )
  })

  it('is 1 for equal values, and 1/n if one of n has everything', () => {
    expect(jainIndex([3, 3, 3])).toBeCloseTo(1)
    expect(jainIndex([5, 0, 0, 0])).toBeCloseTo(0.25)
    expect(jainIndex([0, 0])).toBe(1)
  })

  it('compares the tenants that wait, and leaves out those that get what they ask for', () => {
    const light = request('light', 10, 0, 200_000)
    const heavy = ['a', 'b'].flatMap((tenant) => [
      request(tenant, 1000, 0, 200_000),
      request(tenant, 1000, 200_000, 400_000),
    ])
    expect(shareFairness([light, ...heavy], 0, 200_000)).toBeCloseTo(1)
    const only = [
      request('a', 1000, 0, 200_000),
      request('a', 1000, 200_000, 400_000),
      request('b', 1000, 200_000, 400_000),
    ]
    expect(shareFairness(only, 0, 200_000)).toBeCloseTo(0.5)
  })

  it('is unknown if no two tenants wait', () => {
    expect(shareFairness([request('a', 100, 0, 1000)], 0, 100_000)).toBeUndefined()
    expect(shareFairness([], 0, 0)).toBeUndefined()
  })
})
