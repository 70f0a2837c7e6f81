import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { changedSpan } from '../../dashboard/src/panels/view.js'
import { NO_TRAFFIC } from '../../dashboard/src/timeseries/buckets.js'
import { joinSamples } from '../../dashboard/src/timeseries/history.js'
import { tokensIn } from '../../dashboard/src/timeseries/token-history.js'
import type { Sample } from '../../src/server/admin/api/live-samples.js'
import { TrafficSampler } from '../../src/server/admin/live/traffic-sampler.js'

const START = 1_764_000_000_000

/** Returns the samples of a gateway that admits one request per second, as the page receives them. */
function samplesOf(firstSecond: number, seconds: number): { minutes: Sample[]; live: Sample[] } {
  const minutes: Sample[] = []
  const sampler = new TrafficSampler((minute) => minutes.push(minute))
  const live = Array.from({ length: seconds }, (_, index) => {
    sampler.onRequestEnd('POST /a', 'allowed')
    return sampler.take(START + (firstSecond + index) * 1000 + 7, 0)
  })
  return { minutes, live }
}

const allowedIn = (samples: readonly Sample[]) =>
  samples.reduce((sum, { routes }) => sum + (routes['POST /a']?.allowed ?? 0), 0)

describe('joinSamples', () => {
  it('counts every second once, however many of the seconds the page still has', () => {
    fc.assert(
      fc.property(fc.nat(59), fc.integer({ min: 1, max: 400 }), fc.nat(399), (first, seconds, dropped) => {
        const { minutes, live } = samplesOf(first, seconds)
        const kept = live.slice(Math.min(dropped, seconds - 1))
        const joined = joinSamples(minutes, kept)
        expect(joined.map(({ at }) => at)).toEqual(joined.map(({ at }) => at).toSorted((a, b) => a - b))
        expect(allowedIn(joined)).toBeLessThanOrEqual(seconds)
        // Seconds that the page no longer has are missing only if their minute has not ended.
        const hasGap = (kept[0]?.at ?? 0) >= (minutes.at(-1)?.at ?? 0) + 60_000
        if (!hasGap) expect(allowedIn(joined)).toBe(seconds)
      }),
    )
  })

  it('shows what there is if one of the two is missing', () => {
    const { minutes, live } = samplesOf(0, 130)
    expect(joinSamples([], live)).toBe(live)
    expect(joinSamples(minutes, [])).toBe(minutes)
  })
})

describe('tokensIn', () => {
  const sample = (at: number, seconds: number, models: Sample['models']): Sample => ({
    ...{ at, seconds, routes: {}, inFlight: 0, waiting: 0 },
    store: { ...NO_TRAFFIC.decision, failures: 0 },
    ...(models && { models }),
  })

  it('gives tokens per minute, whether a sample is a second or a minute', () => {
    const each = { a: { input: 60, output: 60 } }
    const ofSecond = tokensIn([sample(START, 1, each)], 'model', [START], 1, 5)
    const ofMinute = tokensIn([sample(START, 60, each)], 'model', [START], 60, 5)
    expect(ofSecond).toEqual([{ name: 'a', input: 60, output: 60, perMinute: [7200] }])
    expect(ofMinute).toEqual([{ name: 'a', input: 60, output: 60, perMinute: [120] }])
  })

  it('names those with the most tokens, and sums the others', () => {
    const models = Object.fromEntries(
      Array.from({ length: 8 }, (_, index) => [`m${index}`, { input: index, output: index }]),
    )
    const others = { '(others)': { input: 100, output: 100 } }
    const totals = tokensIn([sample(START, 1, { ...models, ...others })], 'model', [START], 1, 2)
    expect(totals.map(({ name, input }) => [name, input])).toEqual([
      ['m7', 7],
      ['m6', 6],
      ['(others)', 100 + 15],
    ])
  })
})

describe('changedSpan', () => {
  it('moves and resizes a span within 10 seconds and 24 hours, never past now', () => {
    expect(changedSpan([1000_000, 1100_000], -0.5, 1, 2000_000)).toEqual([950_000, 1050_000])
    expect(changedSpan([1000_000, 1100_000], 0, 0.5, 2000_000)).toEqual([1025_000, 1075_000])
    expect(changedSpan([1000_000, 1100_000], 0.5, 1, 1100_000)).toEqual([1000_000, 1100_000])
    fc.assert(
      fc.property(
        fc.nat(1e8),
        fc.constantFrom(-0.5, 0, 0.5),
        fc.constantFrom(0.5, 1, 2),
        (length, shift, factor) => {
          const [from, to] = changedSpan([START - length, START], shift, factor, START)
          expect(to).toBeLessThanOrEqual(START)
          expect(Math.round(to - from)).toBeGreaterThanOrEqual(10_000)
          expect(Math.round(to - from)).toBeLessThanOrEqual(86_400_000)
        },
      ),
    )
  })
})
