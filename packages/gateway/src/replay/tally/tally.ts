import type { Decision } from 'sluice'
import type { GatewayConfig } from '../../config/config.js'
import type { Aftermath, Played, ReplayObserver } from '../engine/played.js'
import { aftermathOf } from './aftermath.js'
import { ClientTallies } from './client-tallies.js'
import { Lengths } from './histograms.js'
import { RuleTallies } from './rule-tallies.js'
import type { Held } from './rule-tally.js'
import { type Stretch, Timeline } from './timeline.js'

/** Stretches of a plot, and hours that are told apart. */
const MOST_STRETCHES = 720
const MOST_HOURS = 2000
const HOUR = 3_600_000
/** Reasons of requests that could not be weighed. */
const MOST_REASONS = 20
const MOST_TIERS = 1000

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
  readonly rules: RuleTallies
  readonly reasons = new Map<string, number>()
  readonly waits = new Lengths()
  readonly timeline: Timeline
  readonly hours: Timeline
  #from: number | undefined
  #to = 0

  constructor(
    config: Pick<GatewayConfig, 'routes' | 'fallback'>,
    private readonly now: () => number,
    private readonly origin: number,
  ) {
    this.rules = new RuleTallies(config)
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
    const { recorded, outcome, decidedAt } = played
    this.#from ??= recorded.at
    this.#to = Math.max(this.#to, recorded.at)
    const tokens = (recorded.input ?? 0) + (recorded.output ?? 0)
    this.tokens.offered += tokens
    const stretch = this.timeline.at(recorded.at)
    const hour = this.hours.at(recorded.at)
    const client = this.clients.count(recorded)
    const tier = this.#tierOf(recorded.tier)
    this.counts.requests++
    tier.requests++
    stretch.requests++
    hour.requests++
    switch (outcome.kind) {
      case 'allowed':
      case 'unlimited': {
        this.counts.allowed++
        if (outcome.kind === 'unlimited') this.counts.unlimited++
        this.tokens.admitted += tokens
        this.clients.letIn(client, decidedAt, tokens)
        tier.allowed++
        letIn(stretch, tokens)
        letIn(hour, tokens)
        return outcome.kind === 'allowed' ? this.#admitted(played, outcome.decision) : undefined
      }
      case 'refused': {
        const { rule, falsely } = this.#refused(played, outcome.decision)
        this.clients.refuse(client, decidedAt, rule, falsely)
        for (const counts of [this.counts, tier, stretch, hour]) {
          counts.refused++
          if (falsely) counts.falselyRefused++
        }
        refusedBy(stretch, rule)
        refusedBy(hour, rule)
        return undefined
      }
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
      const rule = this.rules.of(route, quota)
      if (quota.allowed) rule.allowed++
      else rule.refused++
      const taken = rule.weigh(quota, true, goesOn, decidedAt)
      if (taken !== undefined) held?.push(taken)
    }
    return held === undefined || held.length === 0 ? undefined : aftermathOf(held, this.now)
  }

  /** @returns the place of the rule that refused, and whether all that did so refused falsely */
  #refused(
    { route = '', cameAt, decidedAt }: Played,
    decision: Extract<Decision, { readonly allowed: false }>,
  ): { readonly rule: number; readonly falsely: boolean } {
    if (decidedAt > cameAt) this.waits.add(decidedAt - cameAt)
    let falsely = true
    let refuser = 0
    for (const quota of decision.quotas) {
      const rule = this.rules.of(route, quota)
      rule.weigh(quota, false, false, decidedAt)
      if (quota.allowed) rule.allowed++
      else {
        rule.refused++
        const isFalse = rule.isFalse(quota, decidedAt)
        if (isFalse) rule.falselyRefused++
        if (quota.enforced && !isFalse) falsely = false
      }
      if (quota.rule === decision.refusal.rule) refuser = rule.place
    }
    return { rule: refuser, falsely }
  }

  #tierOf(tier = ''): TierCounts {
    let counts = this.tiers.get(tier)
    if (counts === undefined) {
      // Who makes up tiers makes up no more than clients.
      if (tier !== '' && this.tiers.size >= MOST_TIERS) return this.#tierOf('')
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

function letIn(stretch: Stretch, tokens: number): void {
  stretch.allowed++
  stretch.tokens += tokens
}

function refusedBy({ by }: Stretch, rule: number): void {
  while (by.length <= rule) by.push(0)
  by[rule] = (by[rule] as number) + 1
}
