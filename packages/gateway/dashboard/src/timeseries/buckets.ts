import type { Latency, ModelSample, RouteSample, Sample } from '../../../src/server/admin/api/live-samples.js'

/** One point of a plot, which covers one or more seconds. */
export interface TimeBucket {
  /** Start of the first second, in epoch milliseconds. */
  readonly at: number
  /** Number of seconds sampled so far. */
  readonly seconds: number
  /** Sums over the bucket; maxima for the requests in flight and waiting. */
  readonly traffic: RouteSample
  readonly store: Sample['store']
}

const NONE: Latency = { count: 0, p50: 0, p99: 0, max: 0 }
export const NO_TRAFFIC: RouteSample = {
  allowed: 0,
  refused: 0,
  shadowRefused: 0,
  failed: 0,
  decision: NONE,
  upstream: NONE,
  inFlight: 0,
  waiting: 0,
  statuses: {},
  refusals: {},
}

const totals = new WeakMap<Sample, RouteSample>()

/** Returns the traffic of a route in one sample, or of all routes if `route` is undefined. */
export function trafficOf(sample: Sample, route: string | undefined): RouteSample {
  if (route !== undefined) return sample.routes[route] ?? NO_TRAFFIC
  let total = totals.get(sample)
  if (total === undefined) {
    const sum = Object.values(sample.routes).reduce(mergeRoutes, NO_TRAFFIC)
    total = { ...sum, inFlight: sample.inFlight, waiting: sample.waiting }
    totals.set(sample, total)
  }
  return total
}

/**
 * Returns the start of the bucket that contains a time, in epoch milliseconds.
 *
 * @param length seconds
 */
export function bucketStart(at: number, length: number): number {
  return Math.floor(at / (length * 1000)) * length * 1000
}

/**
 * Groups samples into buckets that start at multiples of their length, so that points do not move.
 *
 * @param length seconds
 */
export function bucketsOf(
  samples: readonly Sample[],
  route: string | undefined,
  length: number,
): TimeBucket[] {
  const buckets: TimeBucket[] = []
  for (const sample of samples) {
    const at = bucketStart(sample.at, length)
    const last = buckets.at(-1)
    const traffic = trafficOf(sample, route)
    if (last?.at !== at) buckets.push({ at, seconds: sample.seconds, traffic, store: sample.store })
    else
      buckets[buckets.length - 1] = {
        at,
        seconds: last.seconds + sample.seconds,
        traffic: mergePeriods(last.traffic, traffic),
        store: {
          ...mergeLatencies(last.store, sample.store),
          failures: last.store.failures + sample.store.failures,
        },
      }
  }
  return buckets
}

/** Sums the counts, except for the refusals by rule, which `refusal-history.ts` sums. */
function addCounts(one: RouteSample, other: RouteSample) {
  return {
    allowed: one.allowed + other.allowed,
    refused: one.refused + other.refused,
    shadowRefused: one.shadowRefused + other.shadowRefused,
    failed: one.failed + other.failed,
    decision: mergeLatencies(one.decision, other.decision),
    upstream: mergeLatencies(one.upstream, other.upstream),
    ...mergeModels(one.model, other.model),
    statuses: mergeStatuses(one.statuses, other.statuses),
    refusals: {},
  }
}

function mergeModels(one: ModelSample | undefined, other: ModelSample | undefined) {
  if (one === undefined || other === undefined) {
    const model = one ?? other
    return model && { model }
  }
  return {
    model: {
      input: one.input + other.input,
      output: one.output + other.output,
      firstToken: mergeLatencies(one.firstToken, other.firstToken),
      perOutputToken: mergeLatencies(one.perOutputToken, other.perOutputToken),
    },
  }
}

function mergeStatuses(one: RouteSample['statuses'], other: RouteSample['statuses']) {
  const sum: Record<string, number> = { ...one }
  for (const [group, count] of Object.entries(other)) sum[group] = (sum[group] ?? 0) + count
  return sum
}

/** Merges the traffic of two routes in the same second. */
function mergeRoutes(one: RouteSample, other: RouteSample): RouteSample {
  return {
    ...addCounts(one, other),
    inFlight: one.inFlight + other.inFlight,
    waiting: one.waiting + other.waiting,
  }
}

/** Merges the traffic of one route in two periods. */
export function mergePeriods(one: RouteSample, other: RouteSample): RouteSample {
  return {
    ...addCounts(one, other),
    inFlight: Math.max(one.inFlight, other.inFlight),
    waiting: Math.max(one.waiting, other.waiting),
  }
}

/**
 * Merges latencies approximately. The median is the weighted mean of the medians. The 99th
 * percentile is the higher of the two, which is an upper bound.
 */
function mergeLatencies(one: Latency, other: Latency): Latency {
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
