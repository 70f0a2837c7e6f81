import { quantile } from '../harness/statistics.js'
import type { Run } from './simulation/simulate.js'
import type { SimulatedRequest } from './simulation/simulated-request.js'

/** Weights of input and output tokens in the service of a tenant. */
const INPUT_WEIGHT = 1
const OUTPUT_WEIGHT = 2

/** A part of a run, in milliseconds since its start. */
export interface Span {
  readonly from: number
  readonly to: number
}

/** When a request is served, as far as it was: from its first token to its end or that of the run. */
function servedSpan({ firstTokenAt, endedAt }: SimulatedRequest, run: Run): Span | undefined {
  return firstTokenAt === undefined ? undefined : { from: firstTokenAt, to: endedAt ?? run.endedAt }
}

function overlap(a: Span, b: Span): number {
  return Math.max(0, Math.min(a.to, b.to) - Math.max(a.from, b.from))
}

/** Returns the share of a request that is served within a span, from 0 to 1. */
function shareWithin(request: SimulatedRequest, run: Run, span: Span): number {
  const served = servedSpan(request, run)
  if (served === undefined) return 0
  if (served.to > served.from) return overlap(served, span) / (served.to - served.from)
  return served.from >= span.from && served.from < span.to ? 1 : 0
}

function serviceOf(request: SimulatedRequest): number {
  return INPUT_WEIGHT * request.input + OUTPUT_WEIGHT * request.written
}

/** Returns the service that each tenant received within a span. */
export function serviceByTenant(run: Run, span: Span): Map<string, number> {
  const services = new Map<string, number>()
  for (const request of run.requests) {
    const service = serviceOf(request) * shareWithin(request, run, span)
    services.set(request.tenant, (services.get(request.tenant) ?? 0) + service)
  }
  return services
}

/** Returns the tokens that were read and written per second within a span. */
export function throughput(run: Run, span: Span): number {
  let tokens = 0
  for (const request of run.requests) {
    const { firstTokenAt = Number.NaN, input, written } = request
    if (firstTokenAt >= span.from && firstTokenAt < span.to) tokens += input
    tokens += written * shareWithin(request, run, span)
  }
  return tokens / ((span.to - span.from) / 1000)
}

/** Returns the tokens of complete responses per second, from the start to the end of the last one. */
export function overallThroughput(run: Run): number {
  const served = run.requests.filter(({ endedAt }) => endedAt !== undefined)
  const tokens = served.reduce((sum, { input, output }) => sum + input + output, 0)
  return tokens / (run.endedAt / 1000)
}

/** When a response counts as good. */
interface GoodputTarget {
  readonly firstTokenMs: number
  readonly gapMs: number
}

/** The Llama 3.1 8B server scenario of MLPerf Inference: 2 s to the first token, 100 ms between tokens. */
const GOODPUT_TARGET: GoodputTarget = { firstTokenMs: 2_000, gapMs: 100 }

/** Returns the output tokens per second of good responses to requests that arrive within a span. */
export function goodput(run: Run, span: Span, target = GOODPUT_TARGET): number {
  let tokens = 0
  for (const request of arrivedWithin(run.requests, span)) {
    const gap = meanGap(request)
    const isGood = firstTokenTime(request) <= target.firstTokenMs && !(gap > target.gapMs)
    if (isGood && request.endedAt !== undefined) tokens += request.written
  }
  return tokens / ((span.to - span.from) / 1000)
}

export function arrivedWithin(requests: readonly SimulatedRequest[], span: Span): SimulatedRequest[] {
  return requests.filter(({ arrival: { at } }) => at >= span.from && at < span.to)
}

/** Returns the time from the arrival to the first shown token; infinite if there is none. */
function firstTokenTime({ begunAt, arrival }: SimulatedRequest): number {
  return begunAt === undefined ? Number.POSITIVE_INFINITY : begunAt - arrival.at
}

/** Returns the mean time between two shown tokens; NaN for fewer than two. */
export function meanGap({ begunAt, endedAt, written, hidden }: SimulatedRequest): number {
  const shown = written - hidden
  if (begunAt === undefined || endedAt === undefined || shown < 2) return Number.NaN
  return (endedAt - begunAt) / (shown - 1)
}

/** Returns a quantile of the times to the first token of the requests that were served. */
export function firstTokenQuantile(requests: readonly SimulatedRequest[], fraction: number): number {
  const times = requests.filter(({ begunAt }) => begunAt !== undefined).map(firstTokenTime)
  return times.length === 0 ? Number.NaN : quantile(times, fraction)
}

/** Returns the share of the requests that were refused, from 0 to 1. */
export function refusedShare(requests: readonly SimulatedRequest[]): number {
  return requests.filter(({ refusal }) => refusal !== undefined).length / requests.length
}

export interface ServiceGap {
  readonly max: number
  readonly mean: number
  readonly variance: number
}

const GAP_DURATION_MS = 600_000
const GAP_WARM_UP_MS = 30_000
const GAP_WINDOW_MS = 60_000
const GAP_TICKS = 20

/**
 * Computes the service gap of Sheng et al. (OSDI'24; Ying1123/VTC-artifact at 192c2e2,
 * `plot_revision.py` and `visualize.py`): at each of 19 times, within a window of 60 seconds, the
 * sum over the tenants of min(largest service − service, |requested − service|), in service per
 * second. Refused requests do not count as requested, as in the artifact.
 */
export function serviceGap(run: Run): ServiceGap {
  const served = { ...run, requests: run.requests.filter(({ endedAt }) => endedAt !== undefined) }
  const gaps: number[] = []
  for (let tick = 1; tick < GAP_TICKS; tick++) {
    const center = ((GAP_DURATION_MS - GAP_WARM_UP_MS) / GAP_TICKS) * tick + GAP_WARM_UP_MS
    const span = { from: center - GAP_WINDOW_MS / 2, to: center + GAP_WINDOW_MS / 2 }
    const services = serviceByTenant(served, span)
    const requested = new Map<string, number>()
    for (const request of arrivedWithin(served.requests, span))
      requested.set(request.tenant, (requested.get(request.tenant) ?? 0) + serviceOf(request))
    const largest = Math.max(...services.values())
    const gap = [...services].reduce((sum, [tenant, service]) => {
      return sum + Math.min(largest - service, Math.abs((requested.get(tenant) ?? 0) - service))
    }, 0)
    gaps.push(gap / (GAP_WINDOW_MS / 1000))
  }
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length
  const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length
  return { max: Math.max(...gaps), mean, variance }
}

/** Returns the difference of the accumulated services of two tenants, once a second. */
export function accumulatedGap(run: Run, a: string, b: string, untilMs: number): number[] {
  const gaps: number[] = []
  for (let to = 1_000; to <= untilMs; to += 1_000) {
    const services = serviceByTenant(run, { from: 0, to })
    gaps.push(Math.abs((services.get(a) ?? 0) - (services.get(b) ?? 0)))
  }
  return gaps
}

/** Jain's index of fairness: 1 if all values are equal, 1/n if one has all (Jain et al. 1984). */
export function jain(values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0)
  const squares = values.reduce((total, value) => total + value ** 2, 0)
  return sum ** 2 / (values.length * squares)
}

/**
 * Returns the max-min fair level of a capacity: tenants that ask for less get all of it, and the
 * others get the level.
 */
export function maxMinLevel(demands: readonly number[], capacity: number): number {
  let rest = capacity
  const sorted = demands.toSorted((a, b) => a - b)
  for (const [index, demand] of sorted.entries()) {
    const level = rest / (sorted.length - index)
    if (demand > level) return level
    rest -= demand
  }
  return Number.POSITIVE_INFINITY
}
