import type { LimiterEvent, Quota } from 'sluice'
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

/** Values that are read when the metrics are exported. */
export interface MetricSources {
  readonly store: () => StoreStats
  readonly load: () => ServerLoad
  readonly dropped?: () => DroppedLines
  /** The warm-up of each route that has one. */
  readonly warmUps: () => Iterable<readonly [route: string, warmUp: { readonly scale: number }]>
}

/** The counters and histograms of one route. */
interface RouteMetrics extends RouteCounters {
  readonly decisionSeconds: HistogramSeries
  readonly upstreamSeconds: HistogramSeries
}

/** Counts the events of a gateway, and exports them for Prometheus. */
export class GatewayMetrics implements Observer {
  readonly #instruments: Instruments = createInstruments()
  readonly #routes = new Map<string, RouteMetrics>()
  readonly #operations = new Map<StoreOperation, HistogramSeries>()
  /** Tiers allowed as label values, so that clients cannot create series. */
  #tiers: ReadonlySet<string> = new Set()

  /** Replaces the tiers that may appear as label values. */
  setTiers(tiers: Iterable<string>): void {
    this.#tiers = new Set(tiers)
  }

  onStoreOperation(operation: StoreOperation, seconds: number): void {
    let series = this.#operations.get(operation)
    if (series === undefined) {
      series = this.#instruments.storeSeconds.series({ operation })
      this.#operations.set(operation, series)
    }
    series.observe(seconds)
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
    this.#route(route).unreadableResponses.add(reason)
  }

  onLimiterEvent(route: string, event: LimiterEvent): void {
    switch (event.type) {
      case 'allowed':
      case 'refused':
        this.#onDecision(this.#route(route), event)
        return
      case 'shadow-refused':
        this.#route(route).rule(event.quota).shadowRefusals++
        return
      case 'soft-exceeded':
        this.#route(route).rule(event.quota).softOverruns++
        return
      case 'settled':
        this.#route(route).rule(event).onSettled(event.taken, event.cost)
        return
    }
  }

  /** Counts a key that reached a threshold. @param threshold such as `80%` */
  onThreshold(route: string, rule: Pick<Quota, 'rule' | 'resource'>, threshold: string): void {
    this.#route(route).rule(rule).thresholds.add(threshold)
  }

  /** Counts an attempt to deliver a notice, or a notice that was dropped. */
  onWebhook(outcome: 'delivered' | 'failed' | 'abandoned' | 'dropped'): void {
    this.#instruments.webhookDeliveries.inc({ outcome })
  }

  #onDecision(counters: RouteMetrics, event: LimiterEvent & { readonly type: 'allowed' | 'refused' }): void {
    const { type, client, took, degraded, quotas } = event
    const tier = this.#tierLabel(client?.tier)
    counters[type].add(tier)
    counters.decisionSeconds.observe(took / 1000)
    if (degraded !== undefined) counters.degraded++
    for (const quota of quotas) {
      const rule = counters.rule(quota)
      rule.limits.set(tier, quota.limit.limit)
      if (type === 'allowed' && quota.allowed) rule.taken += quota.cost
    }
    if (type === 'refused') counters.rule(event.refusal).refusals.add(event.refusal.reason)
  }

  #route(route: string): RouteMetrics {
    const known = this.#routes.get(route)
    if (known !== undefined) return known
    const { decisionSeconds, upstreamSeconds } = this.#instruments
    const created = Object.assign(new RouteCounters(), {
      decisionSeconds: decisionSeconds.series({ route }),
      upstreamSeconds: upstreamSeconds.series({ route }),
    })
    this.#routes.set(route, created)
    return created
  }

  #tierLabel(tier: string | undefined): string {
    if (tier === undefined) return 'none'
    return this.#tiers.has(tier) ? tier : 'other'
  }

  /** Returns all metrics in the text format of Prometheus. */
  text(sources: MetricSources): Promise<string> {
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

  /** Returns request counts as JSON, for people and scripts. */
  summary(): MetricsSummary {
    return summarize(new Map([...this.#routes].map(([route, { outcomes }]) => [route, outcomes])))
  }
}
