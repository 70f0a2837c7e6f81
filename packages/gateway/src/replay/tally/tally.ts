import type { Decision, Quota } from 'sluice'
import type { GatewayConfig } from '../../config/config.js'
import type { Amounts } from '../../llm/usage.js'
import type { Aftermath, Played, ReplayObserver } from '../engine/played.js'
import { ClientTallies } from './client-tallies.js'
import { Lengths } from './histograms.js'
import { type Held, RuleTally } from './rule-tally.js'
import { type Stretch, Timeline } from './timeline.js'
import type { Budget } from './trailing-log.js'

/** Requests that were let in within their limits' periods and are remembered at a time, over all rules. */
export const MOST_REMEMBERED = 4_000_000
/** Stretches of a plot, and hours that are told apart. */
const MOST_STRETCHES = 720
const MOST_HOURS = 2000
const HOUR = 3_600_000
/** Reasons of requests that could not be weighed. */
const MOST_REASONS = 20

/** How requests came out. */
interface Counts {
  requests: number
  allowed: number
  refused: number
  falselyRefused: number
  /** Of those that were let in: that no limit concerns them. */
  unlimited: number
  forbidden: number
  invalid: number
  unrouted: number
}

export interface TierCounts {
  requests: number
  allowed: number
  refused: number
  falselyRefused: number
}

/** Counts what a replay does, in memory that does not grow with the length of the trace. */
export class Tally implements ReplayObserver {
  readonly counts: Counts = {
    ...{ requests: 0, allowed: 0, refused: 0, falselyRefused: 0 },
    ...{ unlimited: 0, forbidden: 0, invalid: 0, unrouted: 0 },
  }
  /** Of what came in and of what was let in. */
  readonly tokens = { offered: 0, admitted: 0 }
  readonly clients = new ClientTallies()
  readonly tiers = new Map<string, TierCounts>()
  readonly rules: RuleTally[] = []
  readonly reasons = new Map<string, number>()
  readonly waits = new Lengths()
  readonly timeline: Timeline
  readonly hours: Timeline
  readonly #byRoute = new Map<string, RuleTally[]>()
  readonly #shared = new Map<string, RuleTally>()
  readonly #sharedNames: ReadonlySet<string>
  readonly #budget: Budget = { left: MOST_REMEMBERED }
  #from: number | undefined
  #to = 0

  constructor(
    config: Pick<GatewayConfig, 'routes' | 'fallback'>,
    private readonly now: () => number,
    private readonly origin: number,
  ) {
    this.#sharedNames = sharedNames(config)
    this.timeline = new Timeline(1000, MOST_STRETCHES, origin)
    this.hours = new Timeline(HOUR, MOST_HOURS, origin)
  }

  /** The time of the first and the last request, in milliseconds since the epoch. */
  get from(): number {
    return this.origin + (this.#from ?? 0)
  }

  get to(): number {
    return this.origin + this.#to
  }

  decided(played: Played): Aftermath | undefined {
    const { recorded, outcome } = played
    this.#from ??= recorded.at
    this.#to = Math.max(this.#to, recorded.at)
    const tokens = (recorded.input ?? 0) + (recorded.output ?? 0)
    this.tokens.offered += tokens
    const stretches = [this.timeline.at(recorded.at), this.hours.at(recorded.at)] as const
    const client = this.clients.of(recorded)
    const tier = this.#tierOf(recorded.tier)
    this.counts.requests++
    client.requests++
    tier.requests++
    for (const stretch of stretches) stretch.requests++
    switch (outcome.kind) {
      case 'allowed':
      case 'unlimited': {
        this.counts.allowed++
        if (outcome.kind === 'unlimited') this.counts.unlimited++
        this.tokens.admitted += tokens
        client.letIn(played.decidedAt)
        client.tokens += tokens
        tier.allowed++
        for (const stretch of stretches) letIn(stretch, tokens)
        return outcome.kind === 'allowed' ? this.#admitted(played, outcome.decision) : undefined
      }
      case 'refused':
        this.#refused(played, outcome.decision, stretches)
        return undefined
      case 'forbidden':
      case 'invalid':
        this.#noteReason(outcome.why)
        this.counts[outcome.kind]++
        return undefined
      case 'unrouted':
        this.counts.unrouted++
        return undefined
    }
  }

  #admitted({ route = '', cameAt, decidedAt, goesOn }: Played, { quotas }: Decision): Aftermath | undefined {
    if (decidedAt > cameAt) this.waits.add(decidedAt - cameAt)
    const held: Held[] | undefined = goesOn ? [] : undefined
    for (const quota of quotas) {
      const rule = this.#ruleOf(route, quota)
      if (quota.allowed) rule.allowed++
      else rule.refused++
      const taken = rule.weigh(quota, true, goesOn, decidedAt)
      if (taken !== undefined) held?.push(taken)
    }
    return held === undefined || held.length === 0 ? undefined : aftermathOf(held, this.now)
  }

  #refused(
    { route = '', recorded, cameAt, decidedAt }: Played,
    decision: Decision,
    stretches: readonly Stretch[],
  ): void {
    if (decision.allowed) return
    const { refusal, quotas } = decision
    if (decidedAt > cameAt) this.waits.add(decidedAt - cameAt)
    let everyFalse = true
    let refuser = 0
    for (const quota of quotas) {
      const rule = this.#ruleOf(route, quota)
      rule.weigh(quota, false, false, decidedAt)
      if (quota.allowed) rule.allowed++
      else {
        rule.refused++
        const isFalse = rule.isFalse(quota, decidedAt)
        if (isFalse) rule.falselyRefused++
        if (quota.enforced && !isFalse) everyFalse = false
      }
      if (quota.rule === refusal.rule) refuser = this.rules.indexOf(rule)
    }
    const client = this.clients.of(recorded)
    client.refuse(refusal.rule, decidedAt)
    const counted = [this.counts, this.#tierOf(recorded.tier), ...stretches]
    for (const counts of counted) counts.refused++
    if (everyFalse) for (const counts of [client, ...counted]) counts.falselyRefused++
    for (const { by } of stretches) {
      while (by.length <= refuser) by.push(0)
      by[refuser] = (by[refuser] as number) + 1
    }
  }

  #ruleOf(route: string, quota: Quota): RuleTally {
    let rules = this.#byRoute.get(route)
    if (rules === undefined) {
      rules = []
      this.#byRoute.set(route, rules)
    }
    for (const rule of rules) if (rule.name === quota.rule) return rule
    const isShared =
      this.#sharedNames.has(quota.rule.replace(/-\d+$/, '')) || this.#sharedNames.has(quota.rule)
    let rule = isShared ? this.#shared.get(quota.rule) : undefined
    if (rule === undefined) {
      rule = new RuleTally(isShared ? ALL_ROUTES : route, quota.rule, quota, this.#budget)
      this.rules.push(rule)
      if (isShared) this.#shared.set(quota.rule, rule)
    }
    rules.push(rule)
    return rule
  }

  #tierOf(tier = ''): TierCounts {
    let counts = this.tiers.get(tier)
    if (counts === undefined) {
      // Who makes up tiers makes up no more than clients.
      if (this.tiers.size >= MOST_TIERS) return this.#tierOf('')
      counts = { requests: 0, allowed: 0, refused: 0, falselyRefused: 0 }
      this.tiers.set(tier, counts)
    }
    return counts
  }

  #noteReason(why: string): void {
    if (this.reasons.size < MOST_REASONS || this.reasons.has(why))
      this.reasons.set(why, (this.reasons.get(why) ?? 0) + 1)
  }
}

const ALL_ROUTES = '(all routes)'
const MOST_TIERS = 1000

function letIn(stretch: Stretch, tokens: number): void {
  stretch.allowed++
  stretch.tokens += tokens
}

function aftermathOf(held: readonly Held[], now: () => number): Aftermath {
  return {
    settled(costs) {
      for (const each of held) {
        const { resource } = each.quota
        if (isAmount(costs, resource)) each.rule.settle(each, costs[resource], now())
      }
    },
    ended() {
      for (const { bound, quota } of held)
        if (quota.limit.algorithm === 'concurrency') bound?.release(quota.cost)
    },
  }
}

function isAmount(costs: Amounts, resource: string): resource is keyof Amounts {
  return Object.hasOwn(costs, resource)
}

function sharedNames({ routes, fallback }: Pick<GatewayConfig, 'routes' | 'fallback'>): Set<string> {
  const policies = fallback === 'deny' ? routes : [...routes, fallback]
  const shared = policies.flatMap(({ rules }) => rules.filter((rule) => rule.shared === true))
  return new Set(shared.flatMap(({ name }) => name ?? []))
}
