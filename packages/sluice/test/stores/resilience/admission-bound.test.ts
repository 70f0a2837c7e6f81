import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Limit } from '../../../src/limits/limit.js'
import { shareOf } from '../../../src/stores/resilience/peer-share.js'
import { type Admission, admissions, excess } from './peers.js'

const step = fc.record({
  wait: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 400 })),
  peer: fc.nat(),
  cost: fc.integer({ min: 1, max: 6 }),
  flip: fc.boolean(),
})
const runs = (limit: fc.Arbitrary<Limit>, connected: boolean) =>
  fc.record({
    limit,
    peers: fc.integer({ min: 1, max: 6 }),
    steps: fc.array(step, { minLength: 20, maxLength: 80 }),
    connected: fc.constant(connected),
  })
const period = fc.integer({ min: 500, max: 3000 })
const units = fc.integer({ min: 1, max: 40 })
const buckets = fc.record({
  algorithm: fc.constant('token-bucket' as const),
  limit: units,
  period,
  burst: units,
})
const seeded = { seed: 20261124, numRuns: 400 }

describe('peers without their store', () => {
  it('admit at most peers·b + r·t units of a token bucket in any interval', () => {
    fc.assert(
      fc.property(runs(buckets, false), (run) => {
        const { limit, peers } = run
        if (limit.algorithm !== 'token-bucket') return
        const burst = Math.max(limit.burst, peers)
        const bound = (length: number) => burst + (limit.limit / limit.period) * length
        expect(excess(admissions(run), bound)).toBeLessThanOrEqual(1e-6)
      }),
      seeded,
    )
  })

  it('admit at most peers·n units of a sliding log in any trailing period', () => {
    const logs = fc.record({ algorithm: fc.constant('sliding-log' as const), limit: units, period })
    fc.assert(
      fc.property(runs(logs, false), (run) => {
        const { limit, peers } = run
        if (limit.algorithm !== 'sliding-log') return
        const bound = Math.max(peers, limit.limit)
        const inPeriod = (length: number) => (length < limit.period ? bound : Number.POSITIVE_INFINITY)
        expect(excess(admissions(run), inPeriod)).toBeLessThanOrEqual(0)
      }),
      seeded,
    )
  })

  it('admit at most 2·peers·n units of a fixed or sliding window in any period', () => {
    const windows = fc.record({
      algorithm: fc.constantFrom('fixed-window' as const, 'sliding-window' as const),
      limit: units,
      period,
    })
    fc.assert(
      fc.property(runs(windows, false), (run) => {
        const { limit, peers } = run
        if (limit.algorithm === 'concurrency') return
        const bound = 2 * Math.max(peers, limit.limit)
        const inPeriod = (length: number) => (length < limit.period ? bound : Number.POSITIVE_INFINITY)
        expect(excess(admissions(run), inPeriod)).toBeLessThanOrEqual(0)
      }),
      seeded,
    )
  })

  it('admit at most peers·n requests in flight', () => {
    const inFlight = fc.record({
      algorithm: fc.constant('concurrency' as const),
      limit: units,
      lease: fc.constant(3_600_000),
    })
    fc.assert(
      fc.property(runs(inFlight, false), (run) => {
        const held = admissions(run).reduce((sum, { cost }) => sum + cost, 0)
        expect(held).toBeLessThanOrEqual(Math.max(run.peers, run.limit.limit))
      }),
      seeded,
    )
  })
})

describe('peers with a flapping store', () => {
  it('admit at most B + r·t units by the store and peers·b + r·d units locally, in any interval', () => {
    let locals = 0
    let stored = 0
    fc.assert(
      fc.property(runs(buckets, true), (run) => {
        const { limit, peers } = run
        if (limit.algorithm !== 'token-bucket') return
        const rate = limit.limit / limit.period
        const admitted = admissions(run)
        const local = admitted.filter((each) => each.local)
        const byStore = admitted.filter((each) => !each.local)
        const bound = (length: number, within: readonly Admission[]) => {
          const localWithin = within.filter((each) => each.local)
          if (localWithin.length === 0) return limit.burst + rate * length
          const localSpan = (localWithin.at(-1)?.at ?? 0) - (localWithin[0]?.at ?? 0)
          return limit.burst + rate * length + Math.max(limit.burst, peers) + rate * localSpan
        }
        expect(excess(admitted, bound)).toBeLessThanOrEqual(1e-6)
        expect(excess(byStore, (length) => limit.burst + rate * length)).toBeLessThanOrEqual(1e-6)
        locals += local.length
        stored += byStore.length
      }),
      seeded,
    )
    // Both sources have admitted requests.
    expect(Math.min(locals, stored)).toBeGreaterThan(1000)
  })
})

describe('the bound check', () => {
  it('detects an excess when limits are not divided among peers', () => {
    const limit: Limit = { algorithm: 'token-bucket', limit: 10, period: 60_000, burst: 10 }
    const steps = Array.from({ length: 40 }, (_, peer) => ({ wait: 1, peer, cost: 1, flip: false }))
    const peers = 4
    const bound = (length: number) => limit.burst + (limit.limit / limit.period) * length
    expect(excess(admissions({ limit, peers, steps, connected: false }), bound)).toBeLessThanOrEqual(1e-6)
    const alone = Array.from({ length: peers }, () =>
      admissions({ limit, peers: 1, steps, connected: false }),
    )
    const together = alone.flat().sort((a, b) => a.at - b.at)
    expect(excess(together, bound)).toBeGreaterThan(20)
  })
})

describe('shareOf', () => {
  it('returns the limit itself for one peer', () => {
    const limit: Limit = { algorithm: 'sliding-log', limit: 3, period: 1000 }
    expect(shareOf(limit, 1)).toBe(limit)
  })

  it.each<[Limit, number, Partial<Limit>]>([
    [{ algorithm: 'token-bucket', limit: 10, period: 1000, burst: 20 }, 4, { limit: 2.5, burst: 5 }],
    [{ algorithm: 'token-bucket', limit: 10, period: 1000, burst: 2 }, 4, { limit: 2.5, burst: 1 }],
    [{ algorithm: 'token-bucket', limit: 10, period: 1000, burst: 0.5 }, 4, { limit: 2.5, burst: 0.5 }],
    [{ algorithm: 'fixed-window', limit: 10, period: 1000 }, 4, { limit: 2 }],
    [{ algorithm: 'sliding-window', limit: 3, period: 1000 }, 4, { limit: 1 }],
    [{ algorithm: 'sliding-log', limit: 10, period: 1000 }, 3, { limit: 3 }],
    [{ algorithm: 'concurrency', limit: 4, lease: 1000 }, 4, { limit: 1 }],
  ])('divides %o among %i peers', (limit, peers, share) => {
    expect(shareOf(limit, peers)).toEqual({ ...limit, ...share })
  })
})
