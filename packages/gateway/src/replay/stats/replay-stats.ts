import type { Amounts } from '../../policy/llm/usage.js'
import { EntryPool } from '../columns/entry-pool.js'
import { ClientStats } from './client-stats.js'
import { OpenRequests } from './open-requests.js'
import { DurationHistogram } from './quantile-histograms.js'
import { type OpenCharge, RuleStats } from './rule-stats.js'
import { type DecisionEvent, NO_OPEN_ID, type QuotaEvent, type RuleEvent } from './stats-events.js'
import { type TimeBucket, Timeline } from './timeline.js'

/** Maximum numbers of buckets in the plot and of hours counted separately. */
const MAX_BUCKETS = 720
const MAX_HOURS = 2000
const HOUR_MS = 3_600_000
const MAX_REASONS = 20
const MAX_TIERS = 1000

/** Requests by their outcome. */
interface RequestCounts {
  requests: number
  allowed: number
  refused: number
  falselyRefused: number
  /** Admitted requests that no limit applies to. */
  unlimited: number
  forbidden: number
  invalid: number
  unrouted: number
  /** Requests whose clients stopped waiting for a limit. */
  abandoned: number
}

export interface TierCounts {
  requests: number
  allowed: number
  refused: number
  falselyRefused: number
}

/** Statistics of a replay, whose memory does not grow with the length of the trace. */
export class ReplayStats {
  readonly counts: RequestCounts = {
    ...{ requests: 0, allowed: 0, refused: 0, falselyRefused: 0 },
    ...{ unlimited: 0, forbidden: 0, invalid: 0, unrouted: 0, abandoned: 0 },
  }
  /** Streams that used up their reservation while a limit could not hold more. */
  exhausted = 0
  /** Tokens of all requests, and of admitted requests. */
  readonly tokens = { offered: 0, admitted: 0 }
  readonly clients = new ClientStats()
  readonly tiers = new Map<string, TierCounts>()
  /** Rules by their number. */
  readonly rules: RuleStats[] = []
  readonly reasons = new Map<string, number>()
  readonly waits = new DurationHistogram()
  readonly timeline: Timeline
  readonly hours: Timeline
  readonly #entries = new EntryPool()
  readonly #openRequests = new OpenRequests()
  #from: number | undefined
  #to = 0

  /** @param origin milliseconds since the epoch at time 0 of the replay */
  constructor(private readonly origin: number) {
    this.timeline = new Timeline(1000, MAX_BUCKETS, origin)
    this.hours = new Timeline(HOUR_MS, MAX_HOURS, origin)
  }

  /** Time of the first request, in milliseconds since the epoch. */
  get from(): number {
    return this.origin + (this.#from ?? 0)
  }

  /** Time of the last request, in milliseconds since the epoch. */
  get to(): number {
    return this.origin + this.#to
  }

  addRule(rule: RuleEvent): void {
    this.rules.push(new RuleStats(rule, this.#entries))
  }

  decided(event: DecisionEvent): void {
    const { at, decidedAt, tokens, outcome } = event
    this.#from ??= at
    this.#to = Math.max(this.#to, at)
    this.tokens.offered += tokens
    const bucket = this.timeline.at(at)
    const hour = this.hours.at(at)
    const client = this.clients.count(event)
    const tier = this.#tierOf(event.tier)
    this.counts.requests++
    tier.requests++
    bucket.requests++
    hour.requests++
    switch (outcome) {
      case 'allowed':
      case 'unlimited': {
        this.counts.allowed++
        if (outcome === 'unlimited') this.counts.unlimited++
        this.tokens.admitted += tokens
        this.clients.admit(client, decidedAt, tokens)
        tier.allowed++
        countAdmitted(bucket, tokens)
        countAdmitted(hour, tokens)
        if (outcome === 'allowed') this.#admitted(event)
        return
      }
      case 'refused': {
        const isFalse = this.#refused(event)
        this.clients.refuse(client, decidedAt, event.refuser, isFalse)
        for (const counts of [this.counts, tier, bucket, hour]) {
          counts.refused++
          if (isFalse) counts.falselyRefused++
        }
        countRefusedBy(bucket, event.refuser)
        countRefusedBy(hour, event.refuser)
        return
      }
      case 'forbidden':
      case 'invalid':
        this.#noteReason(event.why)
        this.counts[outcome]++
        return
      case 'unrouted':
      case 'abandoned':
        this.counts[outcome]++
    }
  }

  /** Adds costs to what an admitted request has reserved. */
  extended(openId: number, costs: Partial<Amounts>, now: number): void {
    this.#openRequests.extended(openId, costs, now)
  }

  /** Settles an admitted request with its actual cost. */
  settled(openId: number, costs: Partial<Amounts>, now: number): void {
    this.#openRequests.settled(openId, costs, now)
  }

  /** Ends an admitted request, which releases its slots. */
  ended(openId: number, now: number): void {
    this.#openRequests.ended(openId, now)
  }

  #admitted({ arrivedAt, decidedAt, openId, quotas, quotaCount }: DecisionEvent): void {
    if (decidedAt > arrivedAt) this.waits.add(decidedAt - arrivedAt)
    const isOpen = openId !== NO_OPEN_ID
    const charges: OpenCharge[] | undefined = isOpen ? [] : undefined
    for (let index = 0; index < quotaCount; index++) {
      const quota = quotas[index] as QuotaEvent
      const rule = this.rules[quota.rule] as RuleStats
      if (quota.allowed) rule.allowed++
      else rule.refused++
      const charge = rule.record(quota, true, isOpen, decidedAt)
      if (charge !== undefined) charges?.push(charge)
    }
    if (charges !== undefined && charges.length > 0) this.#openRequests.begin(openId, charges)
  }

  /** Reports whether the refusals of all enforced rules were false. */
  #refused({ arrivedAt, decidedAt, quotas, quotaCount }: DecisionEvent): boolean {
    if (decidedAt > arrivedAt) this.waits.add(decidedAt - arrivedAt)
    let falsely = true
    for (let index = 0; index < quotaCount; index++) {
      const quota = quotas[index] as QuotaEvent
      const rule = this.rules[quota.rule] as RuleStats
      rule.record(quota, false, false, decidedAt)
      if (quota.allowed) rule.allowed++
      else {
        rule.refused++
        const isFalse = rule.isFalseRefusal(quota, decidedAt)
        if (isFalse) rule.falselyRefused++
        if (rule.enforced && !isFalse) falsely = false
      }
    }
    return falsely
  }

  #tierOf(tier = ''): TierCounts {
    let counts = this.tiers.get(tier)
    if (counts === undefined) {
      // Bounds memory if clients invent tiers.
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

function countAdmitted(bucket: TimeBucket, tokens: number): void {
  bucket.allowed++
  bucket.tokens += tokens
}

function countRefusedBy({ by }: TimeBucket, rule: number): void {
  while (by.length <= rule) by.push(0)
  by[rule] = (by[rule] as number) + 1
}
