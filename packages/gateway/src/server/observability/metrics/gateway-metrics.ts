import type { LimiterEvent } from 'sluice'
import type { UnreadReason } from '../../../policy/llm/response/response-meter.js'
import type { StoreStats } from '../../store/store-stats.js'
import type { Observer } from '../observer.js'
import type { RequestOutcome } from '../request-outcome.js'
import type { ServerLoad } from '../server-load.js'
import { RouteCounters } from './counters.js'
import { type DroppedLines, exportDropped, exportLoad, exportStore, exportTraffic } from './export.js'
import { createInstruments, type Instruments } from './instruments.js'
import { type MetricsSummary, summarize } from './metrics-summary.js'
import type { HistogramSeries } from './prometheus-histogram.js'
import type { StoreOperation } from './timed-store.js'

/** What is asked when the metrics are read, and not counted as it happens. */
export interface Sources {
  readonly store: () => StoreStats
  readonly load: () => ServerLoad
  readonly dropped?: () => DroppedLines
  /** Of each route that warms up. */
  readonly warmUps: () => Iterable<readonly [route: string, warmUp: { readonly scale: number }]>
}

/** A route, with what its times are measured by. */
interface Measured extends RouteCounters {
  readonly decisionSeconds: HistogramSeries
  readonly upstreamSeconds: HistogramSeries
}

/** Counts and measures what a gateway does. */
export class GatewayMetrics implements Observer {
  readonly #instruments: Instruments = createInstruments()
  readonly #routes = new Map<string, Measured>()
  readonly #operations = new Map<StoreOperation, HistogramSeries>()
  /** Tiers that a label may name: what a client brings must not make series. */
  #tiers: ReadonlySet<string> = new Set()

  /** The configuration names these tiers from now on. */
  setTiers(tiers: Iterable<string>): void {
    this.#tiers = new Set(tiers)
  }

  onStoreOperation(operation: StoreOperation, seconds: number): void {
    let timed = this.#operations.get(operation)
    if (timed === undefined) {
      timed = this.#instruments.storeSeconds.series({ operation })
      this.#operations.set(operation, timed)
    }
    timed.observe(seconds)
  }

  onRequestEnd(route: string | undefined, outcome: RequestOutcome): void {
    this.#route(route ?? '').outcomes.add(outcome)
  }

  onInFlightChange(route: string, change: 1 | -1): void {
    this.#route(route).inFlight += change
  }

  onWaitingChange(route: string, change: 1 | -1): void {
    this.#route(route).waiting += change
  }

  onUpstreamResponse(route: string, seconds: number): void {
    this.#route(route).upstreamSeconds.observe(seconds)
  }

  onUnreadableResponse(route: string, reason: UnreadReason): void {
    this.#route(route).unreadAnswers.add(reason)
  }

  /** Takes what the limiter of a route tells. */
  onLimiterEvent(route: string, event: LimiterEvent): void {
    switch (event.type) {
      case 'allowed':
      case 'refused':
        this.#decided(this.#route(route), event)
        return
      case 'shadow-refused':
        this.#route(route).rule(event.quota).shadowRefusals++
        return
      case 'settled':
        this.#route(route).rule(event).settled(event.taken, event.cost)
        return
    }
  }

  #decided(tally: Measured, event: LimiterEvent & { readonly type: 'allowed' | 'refused' }): void {
    const { type, client, took, degraded, quotas } = event
    const tier = this.#tierLabel(client?.tier)
    tally[type].add(tier)
    tally.decisionSeconds.observe(took / 1000)
    if (degraded !== undefined) tally.degraded++
    for (const quota of quotas) {
      const rule = tally.rule(quota)
      rule.limits.set(tier, quota.limit.limit)
      if (type === 'allowed' && quota.allowed) rule.taken += quota.cost
    }
    if (type === 'refused') tally.rule(event.refusal).refusals.add(event.refusal.reason)
  }

  #route(route: string): Measured {
    const known = this.#routes.get(route)
    if (known !== undefined) return known
    const { decisionSeconds, upstreamSeconds } = this.#instruments
    const measured = Object.assign(new RouteCounters(), {
      decisionSeconds: decisionSeconds.series({ route }),
      upstreamSeconds: upstreamSeconds.series({ route }),
    })
    this.#routes.set(route, measured)
    return measured
  }

  #tierLabel(tier: string | undefined): string {
    if (tier === undefined) return 'none'
    return this.#tiers.has(tier) ? tier : 'other'
  }

  /** In the text format of Prometheus. */
  text(sources: Sources): Promise<string> {
    const { registry, warmUpScale } = this.#instruments
    exportTraffic(this.#instruments, this.#routes)
    exportStore(this.#instruments, sources.store())
    exportLoad(this.#instruments, sources.load())
    if (sources.dropped !== undefined) exportDropped(this.#instruments, sources.dropped())
    warmUpScale.reset()
    for (const [route, { scale }] of sources.warmUps()) warmUpScale.set({ route }, scale)
    return registry.metrics()
  }

  get contentType(): string {
    return this.#instruments.registry.contentType
  }

  /** The counts in a few words, for people and scripts. */
  summary(): MetricsSummary {
    return summarize(new Map([...this.#routes].map(([route, { outcomes }]) => [route, outcomes])))
  }
}
