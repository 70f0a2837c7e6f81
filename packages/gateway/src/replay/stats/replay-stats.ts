import type { Amounts } from '../../policy/llm/usage.js'
import { EntryPool } from '../columns/entry-pool.js'
import { ClientTallies } from './client-stats.js'
import { OpenRequests } from './open-requests.js'
import { DurationHistogram } from './quantile-histograms.js'
import { type Held, RuleStats } from './rule-stats.js'
import { NOTHING_HELD, type Told, type ToldQuota, type ToldRule } from './stats-events.js'
import { type TimeBucket, Timeline } from './timeline.js'

/** Stretches of a plot, and hours that are told apart. */
const MAX_STRETCHES = 720
const MAX_HOURS = 2000
const HOUR = 3_600_000
/** Reasons of requests that could not be weighed. */
const MAX_REASONS = 20
const MAX_TIERS = 1000

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
export class ReplayStats {
  readonly counts: Counts = {
    ...{ requests: 0, allowed: 0, refused: 0, falselyRefused: 0 },
    ...{ unlimited: 0, forbidden: 0, invalid: 0, unrouted: 0 },
  }
  /** Of what came in and of what was let in. */
  readonly tokens = { offered: 0, admitted: 0 }
  readonly clients = new ClientTallies()
  readonly tiers = new Map<string, TierCounts>()
  /** What each rule did, in the order in which they were first met. */
  readonly rules: RuleStats[] = []
  readonly reasons = new Map<string, number>()
  readonly waits = new DurationHistogram()
  readonly timeline: Timeline
  readonly hours: Timeline
  readonly #entries = new EntryPool()
  readonly #holdings = new OpenRequests()
  #from: number | undefined
  #to = 0

  /** @param origin milliseconds since the epoch at which the replay's time is 0 */
  constructor(private readonly origin: number) {
    this.timeline = new Timeline(1000, MAX_STRETCHES, origin)
    this.hours = new Timeline(HOUR, MAX_HOURS, origin)
  }

  /** The time of the first and the last request, in milliseconds since the epoch. */
  get from(): number {
    return this.origin + (this.#from ?? 0)
  }

  get to(): number {
    return this.origin + this.#to
  }

  /** Somebody met one more rule. */
  begin(rule: ToldRule): void {
    this.rules.push(new RuleStats(rule, this.#entries))
  }

  decided(told: Told): void {
    const { at, decidedAt, tokens, outcome } = told
    this.#from ??= at
    this.#to = Math.max(this.#to, at)
    this.tokens.offered += tokens
    const stretch = this.timeline.at(at)
    const hour = this.hours.at(at)
    const client = this.clients.count(told)
    const tier = this.#tierOf(told.tier)
    this.counts.requests++
    tier.requests++
    stretch.requests++
    hour.requests++
    switch (outcome) {
      case 'allowed':
      case 'unlimited': {
        this.counts.allowed++
        if (outcome === 'unlimited') this.counts.unlimited++
        this.tokens.admitted += tokens
        this.clients.letIn(client, decidedAt, tokens)
        tier.allowed++
        letIn(stretch, tokens)
        letIn(hour, tokens)
        if (outcome === 'allowed') this.#admitted(told)
        return
      }
      case 'refused': {
        const falsely = this.#refused(told)
        this.clients.refuse(client, decidedAt, told.refuser, falsely)
        for (const counts of [this.counts, tier, stretch, hour]) {
          counts.refused++
          if (falsely) counts.falselyRefused++
        }
        refusedBy(stretch, told.refuser)
        refusedBy(hour, told.refuser)
        return
      }
      case 'forbidden':
      case 'invalid':
        this.#noteReason(told.why)
        this.counts[outcome]++
        return
      case 'unrouted':
        this.counts.unrouted++
    }
  }

  /** What a request that was let in cost in truth. */
  settled(holding: number, costs: Amounts, now: number): void {
    this.#holdings.settled(holding, costs, now)
  }

  /** A request that was let in has ended: its slots are free. */
  ended(holding: number, now: number): void {
    this.#holdings.ended(holding, now)
  }

  #admitted({ cameAt, decidedAt, holding, quotas, quotaCount }: Told): void {
    if (decidedAt > cameAt) this.waits.add(decidedAt - cameAt)
    const goesOn = holding !== NOTHING_HELD
    const held: Held[] | undefined = goesOn ? [] : undefined
    for (let index = 0; index < quotaCount; index++) {
      const quota = quotas[index] as ToldQuota
      const rule = this.rules[quota.rule] as RuleStats
      if (quota.allowed) rule.allowed++
      else rule.refused++
      const taken = rule.weigh(quota, true, goesOn, decidedAt)
      if (taken !== undefined) held?.push(taken)
    }
    if (held !== undefined && held.length > 0) this.#holdings.begin(holding, held)
  }

  /** @returns whether all that refused did so falsely */
  #refused({ cameAt, decidedAt, quotas, quotaCount }: Told): boolean {
    if (decidedAt > cameAt) this.waits.add(decidedAt - cameAt)
    let falsely = true
    for (let index = 0; index < quotaCount; index++) {
      const quota = quotas[index] as ToldQuota
      const rule = this.rules[quota.rule] as RuleStats
      rule.weigh(quota, false, false, decidedAt)
      if (quota.allowed) rule.allowed++
      else {
        rule.refused++
        const isFalse = rule.isFalse(quota, decidedAt)
        if (isFalse) rule.falselyRefused++
        if (rule.enforced && !isFalse) falsely = false
      }
    }
    return falsely
  }

  #tierOf(tier = ''): TierCounts {
    let counts = this.tiers.get(tier)
    if (counts === undefined) {
      // Who makes up tiers makes up no more than clients.
      if (tier !== '' && this.tiers.size >= MAX_TIERS) return this.#tierOf('')
      counts = { requests: 0, allowed: 0, refused: 0, falselyRefused: 0 }
      this.tiers.set(tier, counts)
    }
    return counts
  }

  #noteReason(why: string): void {
    if (this.reasons.size < MAX_REASONS || this.reasons.has(why))
      this.reasons.set(why, (this.reasons.get(why) ?? 0) + 1)
  }
}

function letIn(stretch: TimeBucket, tokens: number): void {
  stretch.allowed++
  stretch.tokens += tokens
}

function refusedBy({ by }: TimeBucket, rule: number): void {
  while (by.length <= rule) by.push(0)
  by[rule] = (by[rule] as number) + 1
}
