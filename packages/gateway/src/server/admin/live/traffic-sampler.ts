import type { LimiterEvent } from 'sluice'
import type { ModelAnswer } from '../../observability/model-answer.js'
import type { RequestOutcome, TrafficObserver } from '../../observability/request-outcome.js'
import type { RouteSample, Sample } from '../api/live-samples.js'
import { LatencyHistogram } from './latency-histogram.js'
import { RouteInterval } from './route-interval.js'
import { OTHERS, TokenCounts } from './token-counts.js'

/**
 * Maximum number of routes in a sample of a second, and of a minute, which is kept for longer. If
 * there are more, the last entry sums the rest.
 */
const MAX_ROUTES = 30
const MAX_ROUTES_OF_MINUTE = 15
/** The name under which requests that match no route are counted. */
const UNROUTED = '(unrouted)'
const MINUTE_MS = 60_000

/** Counts requests and measures latencies, in samples of a second and of a minute. */
export class TrafficSampler implements Omit<TrafficObserver, 'onUnreadableResponse' | 'onStreamExhausted'> {
  readonly #second = new Interval()
  #minute = new Interval()
  /** Epoch milliseconds; undefined before the first sample. */
  #minuteStart: number | undefined
  #storeFailures = 0
  readonly #onMinute: (sample: Sample) => void

  /** @param onMinute called with each minute after it has ended */
  constructor(onMinute: (sample: Sample) => void = () => {}) {
    this.#onMinute = onMinute
  }

  onRequestEnd(route: string | undefined, outcome: RequestOutcome): void {
    const interval = this.#second.of(route ?? UNROUTED)
    if (outcome === 'allowed') interval.allowed++
    else if (outcome === 'refused') interval.refused++
    else if (outcome === 'blocked') interval.onBlocked()
    else interval.failed++
  }

  onInFlightChange(route: string, change: 1 | -1): void {
    this.#second.of(route).inFlight += change
  }

  onWaitingChange(route: string, change: 1 | -1): void {
    this.#second.of(route).waiting += change
  }

  onUpstreamResponse(route: string, seconds: number, status: number): void {
    const interval = this.#second.of(route)
    interval.upstream.record(seconds * 1000)
    interval.countStatus(status)
  }

  onModelAnswer(route: string, answer: ModelAnswer): void {
    const { client, model, inputTokens: input, outputTokens: output } = answer
    this.#second.of(route).onModelAnswer(answer)
    this.#second.models.add(model ?? OTHERS, { input, output })
    this.#second.clients.add(client, { input, output })
  }

  onStoreOperation(seconds: number): void {
    this.#second.store.record(seconds * 1000)
  }

  onLimiterEvent(route: string, event: LimiterEvent): void {
    if (event.type === 'shadow-refused') this.#second.of(route).shadowRefused++
    if (event.type !== 'allowed' && event.type !== 'refused') return
    const interval = this.#second.of(route)
    interval.decision.record(event.took)
    if (event.type === 'refused') interval.countRefusal(event.refusal.rule, event.refusal.reason)
  }

  /**
   * Returns the traffic since the last call, which is made once a second.
   *
   * @param at epoch milliseconds of the sample
   * @param storeFailures failed store operations since the process started
   */
  take(at: number, storeFailures: number): Sample {
    const second = this.#second
    second.seconds = 1
    second.storeFailures = storeFailures - this.#storeFailures
    this.#storeFailures = storeFailures
    second.countInProgress()
    this.#addToMinute(at)
    const sample = second.read(at, MAX_ROUTES)
    second.clear()
    return sample
  }

  #addToMinute(at: number): void {
    const start = Math.floor(at / MINUTE_MS) * MINUTE_MS
    if (start !== this.#minuteStart) {
      if (this.#minuteStart !== undefined)
        this.#onMinute(this.#minute.read(this.#minuteStart, MAX_ROUTES_OF_MINUTE))
      this.#minute = new Interval()
      this.#minuteStart = start
    }
    this.#minute.add(this.#second)
  }

  /** Counts the tokens of a client with those of the others. */
  forgetClient(client: string): void {
    this.#second.clients.forget(client)
    this.#minute.clients.forget(client)
  }

  /** Drops routes that are no longer configured and have no requests in progress. */
  retainRoutes(routes: ReadonlySet<string>): void {
    this.#second.retainRoutes(routes)
  }
}

/** The traffic of a second or a minute. */
class Interval {
  seconds = 0
  storeFailures = 0
  inFlight = 0
  waiting = 0
  readonly store = new LatencyHistogram()
  readonly models = new TokenCounts()
  readonly clients = new TokenCounts()
  readonly #routes = new Map<string, RouteInterval>()

  of(route: string): RouteInterval {
    let interval = this.#routes.get(route)
    if (interval === undefined) {
      interval = new RouteInterval()
      this.#routes.set(route, interval)
    }
    return interval
  }

  /** Sums the requests in progress of all routes. */
  countInProgress(): void {
    this.inFlight = 0
    this.waiting = 0
    for (const { inFlight, waiting } of this.#routes.values()) {
      this.inFlight += inFlight
      this.waiting += waiting
    }
  }

  /** Adds a shorter interval. Of the requests in progress, the highest number remains. */
  add(other: Interval): void {
    this.seconds += other.seconds
    this.storeFailures += other.storeFailures
    this.inFlight = Math.max(this.inFlight, other.inFlight)
    this.waiting = Math.max(this.waiting, other.waiting)
    this.store.add(other.store)
    this.models.addAll(other.models)
    this.clients.addAll(other.clients)
    for (const [route, added] of other.#routes) {
      if (!added.isBusy) continue
      const interval = this.of(route)
      interval.add(added)
      interval.inFlight = Math.max(interval.inFlight, added.inFlight)
      interval.waiting = Math.max(interval.waiting, added.waiting)
    }
  }

  read(at: number, maxRoutes: number): Sample {
    const models = this.models.read()
    const clients = this.clients.read()
    return {
      at,
      seconds: this.seconds,
      routes: this.#readRoutes(maxRoutes),
      store: { ...this.store.read(), failures: this.storeFailures },
      inFlight: this.inFlight,
      waiting: this.waiting,
      ...(models && { models }),
      ...(clients && { clients }),
    }
  }

  #readRoutes(max: number): Readonly<Record<string, RouteSample>> {
    const busy = [...this.#routes].filter(([, interval]) => interval.isBusy)
    busy.sort(([, a], [, b]) => b.weight - a.weight)
    const shown = busy.length <= max ? busy.length : max - 1
    const samples = busy.slice(0, shown).map(([route, interval]) => [route, interval.read()] as const)
    if (shown < busy.length) {
      const others = new RouteInterval()
      for (const [, interval] of busy.slice(shown)) {
        others.add(interval)
        others.inFlight += interval.inFlight
        others.waiting += interval.waiting
      }
      samples.push([OTHERS, others.read()])
    }
    return Object.fromEntries(samples)
  }

  clear(): void {
    this.store.clear()
    this.models.clear()
    this.clients.clear()
    for (const interval of this.#routes.values()) interval.clear()
  }

  retainRoutes(routes: ReadonlySet<string>): void {
    for (const [route, interval] of this.#routes)
      if (!routes.has(route) && !interval.isBusy) this.#routes.delete(route)
  }
}
