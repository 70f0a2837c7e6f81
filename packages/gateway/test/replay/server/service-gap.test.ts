import { describe, expect, it } from 'vitest'
import { type ServedRequest, serviceGap } from '../../../src/replay/server/service-gap.js'

/** Requests of 60 units, one each second for ten minutes, that take `serviceMs`. */
function stream(tenant: string, serviceMs: number | undefined): ServedRequest[] {
  return Array.from({ length: 601 }, (_, second) => {
    const arrivedAt = second * 1000
    const request = { tenant, arrivedAt, service: 60 }
    return serviceMs === undefined
      ? request
      : { ...request, beganAt: arrivedAt, endedAt: arrivedAt + serviceMs }
  })
}

describe('the service gap', () => {
  it('is small if each tenant gets what it asks for', () => {
    const { max, mean, variance } = serviceGap([...stream('a', 1000), ...stream('b', 1000)])
    // A window of 60 s contains 61 arrivals and 60 s of service.
    expect(max).toBeCloseTo(0, 9)
    expect([mean, variance].every((value) => Math.abs(value) < 1e-9)).toBe(true)
  })

  it('counts a tenant that gets nothing as far as it asks for less than the best served one gets', () => {
    const one = serviceGap([...stream('a', 1000), ...stream('b', undefined)])
    // It asks for 60 to 61 units per second, and the other one gets 60.
    expect(one.max).toBeCloseTo(60, 9)
    const three = serviceGap([...stream('a', 1000), ...stream('a', 1000), ...stream('b', undefined)])
    expect(three.max).toBeCloseTo(61, 9)
  })

  it('leaves out requests that took no time, since they have no rate', () => {
    expect(serviceGap(stream('a', 0)).max).toBe(0)
  })
})
