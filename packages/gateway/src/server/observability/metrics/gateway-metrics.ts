import type { LimiterEvent, Quota } from 'sluice'
import type { LineState } from 'sluice/internal'
import type { WhenExhausted } from '../../../policy/llm/llm-call.js'
import type { UnreadReason } from '../../../policy/llm/response/response-meter.js'
import type { RequestSender } from '../../../policy/policy-request.js'
import { VERSION } from '../../../version.js'
import type { SpendStats } from '../../spend/spend-recorder.js'
import type { StoreStats } from '../../store/store-stats.js'
import type { ModelAnswer } from '../model-answer.js'
import type { Observer } from '../observer.js'
import type { RequestOutcome } from '../request-outcome.js'
import type { ServerLoad } from '../server-load.js'
import { CountsBy, ModelCounters, RouteCounters } from './counters.js'
import {
  type DroppedLines,
  exportDropped,
  exportFleet,
  exportLines,
  exportLoad,
  exportProcesses,
  exportSpend,
  exportStore,
  exportTraffic,
} from './export.js'
import { exposition, type TextFormat } from './exposition.js'
import { createInstruments, type Instruments, metricsOf } from './instruments.js'
import type { HistogramSeries } from './metric.js'
import { type MetricsSummary, summarize } from './metrics-summary.js'
import type { ProcessStats } from './process-stats.js'
import type { StoreOperation } from './timed-store.js'

/** Values that are read when the metrics are exported. */
export interface MetricSources {
  readonly store: () => StoreStats
  readonly load: () => ServerLoad
  readonly spend?: () => SpendStats
  readonly dropped?: () => DroppedLines
  /** The resources of each process, by its name. */
  readonly processes?: () => Promise<readonly (readonly [process: string, ProcessStats])[]>
  /** Undefined unless gateways share servers fairly. */
  readonly fleet?: () => { readonly gateways: number; readonly isDegraded: boolean } | undefined
  /** The lines of requests that wait, by the scope of their rule. */
  readonly lines?: () => ReadonlyMap<string, LineState>
  /** The warm-up of each route that has one. */
  readonly warmUps: () => Iterable<readonly [route: string, warmUp: { readonly scale: number }]>
}

type WebhookOutcome = 'delivered' | 'failed' | 'abandoned' | 'dropped'

/** The tokens and latencies of one model on one route. */
interface ModelMetrics extends ModelCounters {
  readonly firstToken: HistogramSeries
  readonly perOutputToken: HistogramSeries
}

/** The part of a request that identifies it in exemplars. */
type CountedRequest = Pick<RequestSender, 'id' | 'traceId'>

/** The counters and histograms of one route. */
interface RouteMetrics extends RouteCounters {
  readonly decisionSeconds: HistogramSeries
  readonly upstreamSeconds: HistogramSeries
  readonly models: Map<string, ModelMetrics>
}

/** Counts the events of a gateway, and exports them as text. */
export class GatewayMetrics implements Observer {
  readonly #instruments: Instruments = createInstruments()
  readonly #routes = new Map<string, RouteMetrics>()
  readonly #operations = new Map<StoreOperation, HistogramSeries>()
  readonly #webhooks = new CountsBy<WebhookOutcome>()
  /** Tiers allowed as label values, so that clients cannot create series. */
  #tiers: ReadonlySet<string> = new Set()
  /** Models allowed as label values. */
  #models: ReadonlySet<string> = new Set()

  /** Replaces the tiers that may appear as label values. */
  setTiers(tiers: Iterable<string>): void {
    this.#tiers = new Set(tiers)
  }

  /** Replaces the models that may appear as label values. */
  setModels(models: Iterable<string>): void {
    this.#models = new Set(models)
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

  onUpstreamResponse(
    route: string,
    seconds: number,
    _status: number,
    requestId?: string,
    traceId?: string,
  ): void {
    this.#route(route).upstreamSeconds.observe(seconds, requestId, traceId)
  }

  onModelAnswer(route: string, answer: ModelAnswer): void {
    const { inputTokens, outputTokens, cost, firstTokenMs, perOutputTokenMs, requestId, traceId } = answer
    const metrics = this.#model(route, answer.model)
    metrics.input += inputTokens
    metrics.output += outputTokens
    if (cost !== undefined)
      metrics.money.set(cost.currency, (metrics.money.get(cost.currency) ?? 0) + cost.units)
    if (firstTokenMs !== undefined) metrics.firstToken.observe(firstTokenMs / 1000, requestId, traceId)
    if (perOutputTokenMs !== undefined)
      metrics.perOutputToken.observe(perOutputTokenMs / 1000, requestId, traceId)
  }

  onUnreadableResponse(route: string, reason: UnreadReason): void {
    this.#route(route).unreadableResponses.add(reason)
  }

  onStreamExhausted(route: string, action: WhenExhausted): void {
    this.#route(route).exhaustedStreams.add(action)
  }

  onLimiterEvent(route: string, event: LimiterEvent<CountedRequest>): void {
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
      case 'extended':
        this.#route(route).rule(event).onExtended(event.cost)
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
  onWebhook(outcome: WebhookOutcome): void {
    this.#webhooks.add(outcome)
  }

  #onDecision(
    counters: RouteMetrics,
    event: LimiterEvent<CountedRequest> & { readonly type: 'allowed' | 'refused' },
  ): void {
    const { type, client, took, degraded, quotas, request } = event
    const tier = this.#tierLabel(client?.tier)
    counters[type].add(tier)
    counters.decisionSeconds.observe(took / 1000, request.id, request.traceId)
    if (degraded !== undefined) counters.degraded++
    for (const quota of quotas) {
      const rule = counters.rule(quota)
      rule.limits.set(tier, quota.limit.limit)
      if (type === 'allowed' && quota.allowed) rule.taken += quota.cost
    }
    if (type === 'refused')
      counters.rule(event.refusal).onRefused(event.refusal.reason, request.id, request.traceId)
  }

  #route(route: string): RouteMetrics {
    const known = this.#routes.get(route)
    if (known !== undefined) return known
    const { decisionSeconds, upstreamSeconds } = this.#instruments
    const created = Object.assign(new RouteCounters(), {
      decisionSeconds: decisionSeconds.series({ route }),
      upstreamSeconds: upstreamSeconds.series({ route }),
      models: new Map<string, ModelMetrics>(),
    })
    this.#routes.set(route, created)
    return created
  }

  #model(route: string, model: string | undefined): ModelMetrics {
    const label = this.#modelLabel(model)
    const { models } = this.#route(route)
    const known = models.get(label)
    if (known !== undefined) return known
    const { firstTokenSeconds, perOutputTokenSeconds } = this.#instruments
    const labels = { route, model: label }
    const created = Object.assign(new ModelCounters(), {
      firstToken: firstTokenSeconds.series(labels),
      perOutputToken: perOutputTokenSeconds.series(labels),
    })
    models.set(label, created)
    return created
  }

  #modelLabel(model: string | undefined): string {
    if (model === undefined) return 'none'
    return this.#models.has(model) ? model : 'other'
  }

  #tierLabel(tier: string | undefined): string {
    if (tier === undefined) return 'none'
    return this.#tiers.has(tier) ? tier : 'other'
  }

  /** Returns all metrics as text. */
  async text(sources: MetricSources, format: TextFormat = 'prometheus'): Promise<string> {
    const processes = await sources.processes?.()
    const instruments = this.#instruments
    exportTraffic(instruments, this.#routes)
    exportStore(instruments, sources.store())
    exportLoad(instruments, sources.load())
    if (sources.spend !== undefined) exportSpend(instruments, sources.spend())
    if (sources.dropped !== undefined) exportDropped(instruments, sources.dropped())
    if (sources.lines !== undefined) exportLines(instruments, sources.lines())
    exportFleet(instruments, sources.fleet?.())
    if (processes !== undefined) exportProcesses(instruments, processes)
    const { warmUpScale, buildInfo, webhookDeliveries } = instruments
    webhookDeliveries.clear()
    for (const [outcome, count] of this.#webhooks) webhookDeliveries.add({ outcome }, count)
    warmUpScale.clear()
    for (const [route, { scale }] of sources.warmUps()) warmUpScale.add({ route }, scale)
    buildInfo.clear()
    buildInfo.add({ version: VERSION, node: process.versions.node }, 1)
    return exposition(
      metricsOf(instruments).map((metric) => metric.family()),
      format,
    )
  }

  /** Returns request counts as JSON, for people and scripts. */
  summary(): MetricsSummary {
    return summarize(new Map([...this.#routes].map(([route, { outcomes }]) => [route, outcomes])))
  }
}
