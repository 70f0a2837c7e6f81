import type { Latency, RouteSample, Sample } from '../../../src/server/admin/api/live-samples.js'

/** A few seconds as one point of a plot. */
export interface TimeBucket {
  /** Epoch milliseconds of its first second. */
  readonly at: number
  /** How many seconds of it have been seen. */
  readonly seconds: number
  /** Counts are of the whole stretch; what is in flight and waiting is the most that was seen. */
  readonly traffic: RouteSample
  readonly store: Sample['store']
}

const QUIET: Latency = { count: 0, p50: 0, p99: 0, max: 0 }
export const NO_TRAFFIC: RouteSample = {
  allowed: 0,
  refused: 0,
  shadowRefused: 0,
  failed: 0,
  decision: QUIET,
  upstream: QUIET,
  inFlight: 0,
  waiting: 0,
  refusals: {},
}

const ofAllRoutes = new WeakMap<Sample, RouteSample>()

/** What came to a route in a second; without one, to all of them together. */
export function trafficOf(sample: Sample, route: string | undefined): RouteSample {
  if (route !== undefined) return sample.routes[route] ?? NO_TRAFFIC
  let all = ofAllRoutes.get(sample)
  if (all === undefined) {
    const together = Object.values(sample.routes).reduce(alongside, NO_TRAFFIC)
    all = { ...together, inFlight: sample.inFlight, waiting: sample.waiting }
    ofAllRoutes.set(sample, all)
  }
  return all
}

/**
 * Samples in stretches that begin at multiples of their length, so that a point keeps its place while time goes on.
 *
 * @param length seconds
 */
export function bucketsOf(
  samples: readonly Sample[],
  route: string | undefined,
  length: number,
): TimeBucket[] {
  const stretches: TimeBucket[] = []
  for (const sample of samples) {
    const at = Math.floor(sample.at / (length * 1000)) * length * 1000
    const last = stretches.at(-1)
    const traffic = trafficOf(sample, route)
    if (last?.at !== at) stretches.push({ at, seconds: 1, traffic, store: sample.store })
    else
      stretches[stretches.length - 1] = {
        at,
        seconds: last.seconds + 1,
        traffic: after(last.traffic, traffic),
        store: {
          ...merged(last.store, sample.store),
          failures: last.store.failures + sample.store.failures,
        },
      }
  }
  return stretches
}

/** Counts, without the refusals by rule, which `refusals.ts` adds up. */
function added(one: RouteSample, other: RouteSample) {
  return {
    allowed: one.allowed + other.allowed,
    refused: one.refused + other.refused,
    shadowRefused: one.shadowRefused + other.shadowRefused,
    failed: one.failed + other.failed,
    decision: merged(one.decision, other.decision),
    upstream: merged(one.upstream, other.upstream),
    refusals: {},
  }
}

function alongside(one: RouteSample, other: RouteSample): RouteSample {
  return {
    ...added(one, other),
    inFlight: one.inFlight + other.inFlight,
    waiting: one.waiting + other.waiting,
  }
}

export function after(one: RouteSample, other: RouteSample): RouteSample {
  return {
    ...added(one, other),
    inFlight: Math.max(one.inFlight, other.inFlight),
    waiting: Math.max(one.waiting, other.waiting),
  }
}

/**
 * Percentiles cannot be merged exactly: the median is the mean of the medians, weighted by their counts, and the 99th
 * percentile is the highest of them, which the true one is never above.
 */
function merged(one: Latency, other: Latency): Latency {
  if (one.count === 0) return other
  if (other.count === 0) return one
  const all = one.count + other.count
  return {
    count: all,
    p50: (one.p50 * one.count + other.p50 * other.count) / all,
    p99: Math.max(one.p99, other.p99),
    max: Math.max(one.max, other.max),
  }
}
