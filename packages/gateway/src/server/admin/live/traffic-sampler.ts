import type { LimiterEvent } from 'sluice'
import type { RequestOutcome, TrafficObserver } from '../../observability/request-outcome.js'
import type { RouteSample, Sample } from '../api/live-samples.js'
import { LatencyHistogram } from './latency-histogram.js'

/**
 * Maximum number of entries in a sample. If there are more routes, the last entry sums the rest.
 */
const MAX_ROUTES = 30
const OTHERS = '(others)'
/** The name under which requests that match no route are counted. */
const UNROUTED = '(unrouted)'

/** Counts requests and measures latencies from one sample to the next. */
export class TrafficSampler implements Omit<TrafficObserver, 'onUnreadableResponse'> {
  readonly #routes = new Map<string, RouteInterval>()
  readonly #store = new LatencyHistogram()
  #storeFailures = 0

  onRequestEnd(route: string | undefined, outcome: RequestOutcome): void {
    const interval = this.#countsOf(route ?? UNROUTED)
    if (outcome === 'allowed') interval.allowed++
    else if (outcome === 'refused') interval.refused++
    else interval.failed++
  }

  onInFlightChange(route: string, change: 1 | -1): void {
    this.#countsOf(route).inFlight += change
  }

  onWaitingChange(route: string, change: 1 | -1): void {
    this.#countsOf(route).waiting += change
  }

  onUpstreamResponse(route: string, seconds: number): void {
    this.#countsOf(route).upstream.record(seconds * 1000)
  }

  onStoreOperation(seconds: number): void {
    this.#store.record(seconds * 1000)
  }

  onLimiterEvent(route: string, event: LimiterEvent): void {
    if (event.type === 'shadow-refused') this.#countsOf(route).shadowRefused++
    if (event.type !== 'allowed' && event.type !== 'refused') return
    const interval = this.#countsOf(route)
    interval.decision.record(event.took)
    if (event.type === 'refused') interval.countRefusal(event.refusal.rule, event.refusal.reason)
  }

  /**
   * Returns the traffic since the last call.
   *
   * @param at epoch milliseconds of the sample
   * @param storeFailures failed store operations since the process started
   */
  take(at: number, storeFailures: number): Sample {
    const busy = [...this.#routes].filter(([, interval]) => interval.isBusy)
    busy.sort(([, a], [, b]) => b.weight - a.weight)
    const shown = busy.length <= MAX_ROUTES ? busy.length : MAX_ROUTES - 1
    const samples = busy.slice(0, shown).map(([route, interval]) => [route, interval.take()] as const)
    if (shown < busy.length) {
      const others = new RouteInterval()
      for (const [, interval] of busy.slice(shown)) others.absorb(interval)
      samples.push([OTHERS, others.take()])
    }
    const sample: Sample = {
      at,
      routes: Object.fromEntries(samples),
      store: { ...this.#store.take(), failures: storeFailures - this.#storeFailures },
      inFlight: busy.reduce((sum, [, { inFlight }]) => sum + inFlight, 0),
      waiting: busy.reduce((sum, [, { waiting }]) => sum + waiting, 0),
    }
    this.#storeFailures = storeFailures
    return sample
  }

  /** Drops routes that are no longer configured and have no requests in progress. */
  retainRoutes(routes: ReadonlySet<string>): void {
    for (const [route, interval] of this.#routes)
      if (!routes.has(route) && !interval.isBusy) this.#routes.delete(route)
  }

  #countsOf(route: string): RouteInterval {
    let interval = this.#routes.get(route)
    if (interval === undefined) {
      interval = new RouteInterval()
      this.#routes.set(route, interval)
    }
    return interval
  }
}

/** The traffic of one route since the last sample, and its requests in progress. */
class RouteInterval {
  allowed = 0
  refused = 0
  shadowRefused = 0
  failed = 0
  inFlight = 0
  waiting = 0
  readonly decision = new LatencyHistogram()
  readonly upstream = new LatencyHistogram()
  #refusals: Record<string, Record<string, number>> = {}

  get weight(): number {
    return this.allowed + this.refused + this.failed + this.inFlight + this.waiting
  }

  get isBusy(): boolean {
    return this.weight > 0 || this.shadowRefused > 0
  }

  countRefusal(rule: string, reason: string, count = 1): void {
    const reasons = this.#refusals[rule] ?? {}
    this.#refusals[rule] = reasons
    reasons[reason] = (reasons[reason] ?? 0) + count
  }

  /** Moves the counts of another route into this one, and adds its requests in progress. */
  absorb(other: RouteInterval): void {
    this.decision.absorb(other.decision)
    this.upstream.absorb(other.upstream)
    const { allowed, refused, shadowRefused, failed, inFlight, waiting, refusals } = other.take()
    this.allowed += allowed
    this.refused += refused
    this.shadowRefused += shadowRefused
    this.failed += failed
    this.inFlight += inFlight
    this.waiting += waiting
    for (const [rule, reasons] of Object.entries(refusals))
      for (const [reason, count] of Object.entries(reasons)) this.countRefusal(rule, reason, count)
  }

  /** Returns the counts, and starts the next interval. */
  take(): RouteSample {
    const { allowed, refused, shadowRefused, failed, inFlight, waiting } = this
    const refusals = this.#refusals
    this.#refusals = {}
    this.allowed = this.refused = this.shadowRefused = this.failed = 0
    const [decision, upstream] = [this.decision.take(), this.upstream.take()]
    return { allowed, refused, shadowRefused, failed, decision, upstream, inFlight, waiting, refusals }
  }
}
