import type { LimiterEvent } from 'sluice'
import type { RequestOutcome, TrafficObserver } from '../../observability/request-outcome.js'
import type { RouteSample, Sample } from '../api/live-types.js'
import { LatencyHistogram } from './latency-histogram.js'

/** Routes of which a sample tells; the others are added up. */
const MAX_ROUTES = 30
const OTHERS = '(others)'
/** What requests are counted under that no route takes. */
const UNROUTED = '(unrouted)'

/** Counts and measures traffic, a second at a time. */
export class TrafficSampler implements Omit<TrafficObserver, 'onUnreadableResponse'> {
  readonly #routes = new Map<string, RouteSecond>()
  readonly #store = new LatencyHistogram()
  #storeFailures = 0

  onRequestEnd(route: string | undefined, outcome: RequestOutcome): void {
    const second = this.#of(route ?? UNROUTED)
    if (outcome === 'allowed') second.allowed++
    else if (outcome === 'refused') second.refused++
    else second.failed++
  }

  onInFlightChange(route: string, change: 1 | -1): void {
    this.#of(route).inFlight += change
  }

  onWaitingChange(route: string, change: 1 | -1): void {
    this.#of(route).waiting += change
  }

  onUpstreamResponse(route: string, seconds: number): void {
    this.#of(route).upstream.record(seconds * 1000)
  }

  onStoreOperation(seconds: number): void {
    this.#store.record(seconds * 1000)
  }

  onLimiterEvent(route: string, event: LimiterEvent): void {
    if (event.type === 'shadow-refused') this.#of(route).shadowRefused++
    if (event.type !== 'allowed' && event.type !== 'refused') return
    const second = this.#of(route)
    second.decision.record(event.took)
    if (event.type === 'refused') second.refusedBy(event.refusal.rule, event.refusal.reason)
  }

  /**
   * What came in since the last one was taken.
   *
   * @param storeFailures of the store since the start
   */
  take(at: number, storeFailures: number): Sample {
    const busy = [...this.#routes].filter(([, second]) => second.isBusy)
    busy.sort(([, a], [, b]) => b.weight - a.weight)
    const told = busy.length <= MAX_ROUTES ? busy.length : MAX_ROUTES - 1
    const samples = busy.slice(0, told).map(([route, second]) => [route, second.take()] as const)
    if (told < busy.length) {
      const others = new RouteSecond()
      for (const [, second] of busy.slice(told)) others.absorb(second)
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

  /** Forgets the routes that a configuration no longer has, once nothing of theirs is under way. */
  keep(routes: ReadonlySet<string>): void {
    for (const [route, second] of this.#routes)
      if (!routes.has(route) && !second.isBusy) this.#routes.delete(route)
  }

  #of(route: string): RouteSecond {
    let second = this.#routes.get(route)
    if (second === undefined) {
      second = new RouteSecond()
      this.#routes.set(route, second)
    }
    return second
  }
}

class RouteSecond {
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

  refusedBy(rule: string, reason: string, count = 1): void {
    const reasons = this.#refusals[rule] ?? {}
    this.#refusals[rule] = reasons
    reasons[reason] = (reasons[reason] ?? 0) + count
  }

  /** Takes over what another one has counted, and adds what that has under way. */
  absorb(other: RouteSecond): void {
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
      for (const [reason, count] of Object.entries(reasons)) this.refusedBy(rule, reason, count)
  }

  /** Begins with the next second. */
  take(): RouteSample {
    const { allowed, refused, shadowRefused, failed, inFlight, waiting } = this
    const refusals = this.#refusals
    this.#refusals = {}
    this.allowed = this.refused = this.shadowRefused = this.failed = 0
    const [decision, upstream] = [this.decision.take(), this.upstream.take()]
    return { allowed, refused, shadowRefused, failed, decision, upstream, inFlight, waiting, refusals }
  }
}
