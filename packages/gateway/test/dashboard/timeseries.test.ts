import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bucketsOf, NO_TRAFFIC, trafficOf } from '../../dashboard/src/timeseries/buckets.js'
import { History } from '../../dashboard/src/timeseries/history.js'
import { refusalsIn } from '../../dashboard/src/timeseries/refusal-history.js'
import { routesIn } from '../../dashboard/src/timeseries/route-history.js'
import type { RouteSample, Sample } from '../../src/server/admin/api/live-samples.js'

const smallCount = fc.nat(50)
const latency = fc
  .record({ count: smallCount, p50: fc.nat(100), p99: fc.nat(1000), max: fc.nat(5000) })
  .map((each) => (each.count === 0 ? { count: 0, p50: 0, p99: 0, max: 0 } : each))
const traffic: fc.Arbitrary<RouteSample> = fc
  .record({
    allowed: smallCount,
    shadowRefused: smallCount,
    failed: smallCount,
    decision: latency,
    upstream: latency,
    inFlight: smallCount,
    waiting: smallCount,
    statuses: fc.dictionary(fc.constantFrom('2xx', '5xx'), smallCount),
    refusals: fc.dictionary(
      fc.constantFrom('a', 'b'),
      fc.dictionary(fc.constantFrom('exceeded', 'busy'), fc.integer({ min: 1, max: 9 })),
    ),
  })
  .map((each) => ({ ...each, refused: sumOf(Object.values(each.refusals).flatMap((r) => Object.values(r))) }))
const samples: fc.Arbitrary<Sample[]> = fc
  .array(
    fc.record({
      gap: fc.constantFrom(1000, 1000, 1000, 1003, 30_000),
      routes: fc.dictionary(fc.constantFrom('POST /a', 'GET /b', ''), traffic),
      store: latency.map((each) => ({ ...each, failures: 0 })),
    }),
    { maxLength: 60 },
  )
  .map((seconds) => {
    let at = 1_764_000_000_000
    return seconds.map(({ gap, routes, store }) => {
      at += gap
      const all = Object.values(routes)
      return {
        at,
        seconds: 1,
        routes,
        store,
        inFlight: sumOf(all.map(({ inFlight }) => inFlight)),
        waiting: sumOf(all.map(({ waiting }) => waiting)),
      }
    })
  })
const route = fc.constantFrom(undefined, 'POST /a', 'GET /b', 'GET /unknown')

describe('bucketsOf', () => {
  it('keeps all counts, and starts buckets at multiples of their length', () => {
    fc.assert(
      fc.property(samples, route, fc.constantFrom(1, 2, 5), (samples, route, length) => {
        const buckets = bucketsOf(samples, route, length)
        for (const name of ['allowed', 'refused', 'failed', 'shadowRefused'] as const)
          expect(sumOf(buckets.map(({ traffic }) => traffic[name]))).toBe(
            sumOf(samples.flatMap(({ routes }) => routeSamples(routes, route).map((each) => each[name]))),
          )
        expect(sumOf(buckets.map(({ seconds }) => seconds))).toBe(samples.length)
        expect(buckets.every(({ at }) => at % (length * 1000) === 0)).toBe(true)
        expect(new Set(buckets.map(({ at }) => at)).size).toBe(buckets.length)
      }),
    )
  })

  it('returns the highest 99th percentile and in-flight count, and at most the highest median', () => {
    fc.assert(
      fc.property(samples, fc.constantFrom(1, 2, 5), (samples, length) => {
        for (const { at, traffic } of bucketsOf(samples, undefined, length)) {
          const seconds = samples.filter((sample) => sample.at >= at && sample.at < at + length * 1000)
          const measured = seconds
            .flatMap(({ routes }) => Object.values(routes))
            .map(({ decision }) => decision)
            .filter(({ count }) => count > 0)
          expect(traffic.decision.p99).toBe(Math.max(0, ...measured.map(({ p99 }) => p99)))
          expect(traffic.decision.p50).toBeLessThanOrEqual(
            Math.max(0, ...measured.map(({ p50 }) => p50)) + 1e-9,
          )
          expect(traffic.inFlight).toBe(Math.max(...seconds.map(({ inFlight }) => inFlight)))
        }
      }),
    )
  })
})

describe('refusalsIn', () => {
  it('counts refusals by route, rule and reason, most frequent first', () => {
    fc.assert(
      fc.property(samples, route, (samples, route) => {
        const refusals = refusalsIn(samples, route)
        expect(sumOf(refusals.map(({ refused }) => refused))).toBe(
          sumOf(samples.flatMap(({ routes }) => routeSamples(routes, route).map(({ refused }) => refused))),
        )
        expect(refusals.map(({ refused }) => refused)).toEqual(
          refusals.map(({ refused }) => refused).toSorted((a, b) => b - a),
        )
        expect(new Set(refusals.map(({ route, rule, reason }) => `${route}|${rule}|${reason}`)).size).toBe(
          refusals.length,
        )
      }),
    )
  })
})

describe('routesIn', () => {
  it('returns the routes with traffic and their current in-flight count', () => {
    fc.assert(
      fc.property(samples, (samples) => {
        const newest = samples.at(-1)
        for (const { route, traffic, requests } of routesIn(samples)) {
          expect(requests).toHaveLength(samples.length)
          expect(traffic.inFlight).toBe(newest?.routes[route]?.inFlight ?? 0)
          expect(sumOf(requests)).toBe(traffic.allowed + traffic.refused + traffic.failed)
        }
      }),
    )
  })
})

describe('History', () => {
  const sampleAt = (at: number): Sample => ({
    at,
    seconds: 1,
    routes: { 'POST /a': { ...NO_TRAFFIC, allowed: 1 } },
    store: { ...NO_TRAFFIC.decision, failures: 0 },
    inFlight: 0,
    waiting: 0,
  })

  it('drops samples older than 15 minutes', () => {
    let history = History.empty
    for (let at = 0; at < 1000; at++) history = history.with(sampleAt(at * 1000))
    expect(history.samples).toHaveLength(900)
    expect(history.samples[0]?.at).toBe(100_000)
  })

  it('ignores a repeated sample', () => {
    const history = History.of([sampleAt(1000), sampleAt(2000)])
    expect(history.with(sampleAt(2000))).toBe(history)
    expect(history.with(sampleAt(1000))).toBe(history)
  })

  it('selects the last seconds by time, not by the number of samples', () => {
    const history = History.of([sampleAt(1000), sampleAt(60_000), sampleAt(61_000)])
    expect(history.lastSeconds(5).map(({ at }) => at)).toEqual([60_000, 61_000])
    expect(History.empty.lastSeconds(5)).toEqual([])
  })

  it('caches the total of a sample', () => {
    const sample = sampleAt(1000)
    expect(trafficOf(sample, undefined)).toBe(trafficOf(sample, undefined))
    expect(trafficOf(sample, 'GET /unknown')).toBe(NO_TRAFFIC)
  })
})

function routeSamples(routes: Sample['routes'], name: string | undefined): RouteSample[] {
  return Object.entries(routes)
    .filter(([route]) => name === undefined || route === name)
    .map(([, traffic]) => traffic)
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0)
}
