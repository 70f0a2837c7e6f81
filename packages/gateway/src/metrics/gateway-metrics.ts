import type { Decision, LimiterEvent } from 'sluice'
import type { Observer } from '../observers.js'
import type { Outcome } from '../proxy/traffic.js'
import type { StoreFigures } from '../store/open-store.js'
import { createInstruments, type Instruments } from './instruments.js'
import { type Summary, TrafficSummary } from './summary.js'
import type { Operation } from './timed-store.js'

/** What is asked when the metrics are read, and not counted as it happens. */
export interface Sources {
  readonly store: () => StoreFigures
  /** Of each route that warms up. */
  readonly warmUps: () => Iterable<readonly [route: string, warmUp: { readonly scale: number }]>
}

/** Counts and measures what a gateway does. */
export class GatewayMetrics implements Observer {
  readonly #instruments: Instruments = createInstruments()
  readonly #summary = new TrafficSummary()
  /** Tiers that a label may name: what a client brings must not make series. */
  #tiers: ReadonlySet<string> = new Set()

  /** The configuration names these tiers from now on. */
  setTiers(tiers: Iterable<string>): void {
    this.#tiers = new Set(tiers)
  }

  storeTook(operation: Operation, seconds: number): void {
    this.#instruments.storeSeconds.observe({ operation }, seconds)
  }

  ended(route: string | undefined, outcome: Outcome): void {
    this.#instruments.requests.inc({ route: route ?? '', outcome })
    this.#summary.add(route ?? '', outcome)
  }

  inFlight(route: string, change: 1 | -1): void {
    this.#instruments.inFlight.inc({ route }, change)
  }

  waiting(route: string, change: 1 | -1): void {
    this.#instruments.waiting.inc({ route }, change)
  }

  exchanged(route: string, seconds: number): void {
    this.#instruments.upstreamSeconds.observe({ route }, seconds)
  }

  /** Takes what the limiter of a route tells. */
  limiterDid(route: string, event: LimiterEvent): void {
    const { shadowRefusals, refusals, returned, owed } = this.#instruments
    switch (event.type) {
      case 'allowed':
        this.#decided(route, event)
        this.#took(route, event)
        return
      case 'refused': {
        this.#decided(route, event)
        const { rule, reason } = event.refusal
        refusals.inc({ route, rule, reason })
        return
      }
      case 'shadow-refused':
        shadowRefusals.inc({ route, rule: event.quota.rule })
        return
      case 'settled': {
        const { rule, resource, taken, cost } = event
        if (cost < taken) returned.inc({ route, rule, resource }, taken - cost)
        if (cost > taken) owed.inc({ route, rule, resource }, cost - taken)
        return
      }
    }
  }

  #decided(route: string, event: LimiterEvent & { readonly type: 'allowed' | 'refused' }): void {
    const { decisions, decisionSeconds, effectiveLimit, degraded } = this.#instruments
    const tier = this.#tierLabel(event.client?.tier)
    decisions.inc({ route, outcome: event.type, tier })
    decisionSeconds.observe({ route }, event.took / 1000)
    if (event.degraded !== undefined) degraded.inc({ route })
    for (const { rule, limit } of event.quotas) effectiveLimit.set({ route, rule, tier }, limit.limit)
  }

  #took(route: string, { quotas }: Pick<Decision, 'quotas'>): void {
    for (const { rule, resource, cost, allowed } of quotas)
      if (allowed) this.#instruments.taken.inc({ route, rule, resource }, cost)
  }

  #tierLabel(tier: string | undefined): string {
    if (tier === undefined) return 'none'
    return this.#tiers.has(tier) ? tier : 'other'
  }

  /** In the text format of Prometheus. */
  text(sources: Sources): Promise<string> {
    const { registry, storeUp, storeFailures, memoryKeys, memoryOverflow, warmUpScale } = this.#instruments
    const { up, failures, timeouts, memory } = sources.store()
    storeUp.set(up ? 1 : 0)
    storeFailures.reset()
    storeFailures.inc({ kind: 'error' }, failures)
    storeFailures.inc({ kind: 'timeout' }, timeouts)
    memoryKeys.set(memory.keys)
    memoryOverflow.reset()
    memoryOverflow.inc(memory.overflowed)
    warmUpScale.reset()
    for (const [route, { scale }] of sources.warmUps()) warmUpScale.set({ route }, scale)
    return registry.metrics()
  }

  get contentType(): string {
    return this.#instruments.registry.contentType
  }

  /** The counts in a few words, for people and scripts. */
  summary(): Summary {
    return this.#summary.read()
  }
}
