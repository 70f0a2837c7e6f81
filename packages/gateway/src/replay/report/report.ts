import { formatLimit } from 'sluice'
import type { Engine } from '../engine/engine.js'
import { type ClientTally, type Lockout, lengthOf } from '../tally/client-tally.js'
import type { Quantiles } from '../tally/histograms.js'
import type { RuleTally } from '../tally/rule-tally.js'
import type { Tally } from '../tally/tally.js'
import type { Timeline } from '../tally/timeline.js'
import type { TraceReading } from '../trace/read-trace.js'

/** What a policy would have done to a recorded load. Times are milliseconds; moments are milliseconds since the epoch. */
export interface ReplayReport {
  readonly trace: TraceReading & { readonly from: number; readonly to: number }
  /** What was played, and how it came out. */
  readonly requests: RequestCounts
  readonly tokens: {
    /** Input and output of all requests, and of those that were let in. */
    readonly offered: number
    readonly admitted: number
  }
  readonly rules: readonly RuleReport[]
  readonly tiers: readonly TierReport[]
  /** The largest, by what was refused of them and then by what they asked for. */
  readonly clients: {
    /** How many were told apart. */
    readonly known: number
    readonly listed: readonly ClientReport[]
    /** All the others, together; null where there are none. */
    readonly others: ClientReport | null
  }
  /** The longest stretch of time in which a client got nothing; null where nobody was refused. */
  readonly longestLockout: LockoutReport | null
  readonly waits: (Quantiles & { readonly count: number }) | null
  /** Why requests could not be weighed, or might not be made. */
  readonly reasons: readonly { readonly why: string; readonly count: number }[]
  readonly hours: TimelineReport
  readonly timeline: TimelineReport
  /** What is to be known about what was assumed. */
  readonly notes: readonly string[]
}

interface RequestCounts {
  readonly played: number
  /** Of other routes than the one that was asked for. */
  readonly passedOver: number
  readonly allowed: number
  readonly refused: number
  /** Of those refused: that a perfect limiter of the same bounds would have let in. */
  readonly falselyRefused: number
  /** Of those allowed: that no limit concerns them. */
  readonly unlimited: number
  readonly forbidden: number
  readonly invalid: number
  readonly unrouted: number
}

export interface RuleReport {
  readonly route: string
  readonly rule: string
  readonly resource: string
  readonly algorithm: string
  readonly limit: string
  readonly enforced: boolean
  /** Requests that this rule by itself would have let in, and those that it refused or, as a shadow rule, would have. */
  readonly allowed: number
  readonly refused: number
  /** Null where it was not measured. */
  readonly falselyRefused: number | null
  /** How full the limit was after each request, as a part of what it holds. */
  readonly fullness: Quantiles
  /** The most that one key held in a trailing period, or in flight, as a part of the limit; null where it was not measured. */
  readonly mostHeld: number | null
  /** What was taken of the resource at admission, and what of it was needed in the end. */
  readonly reserved: number
  readonly used: number
}

interface TierReport {
  /** Null for clients without a tier. */
  readonly tier: string | null
  readonly requests: number
  readonly allowed: number
  readonly refused: number
  readonly falselyRefused: number
}

export interface ClientReport {
  readonly client: string
  readonly tier: string | null
  readonly requests: number
  readonly allowed: number
  readonly refused: number
  readonly falselyRefused: number
  readonly tokens: number
  readonly longestLockout: LockoutReport | null
}

export interface LockoutReport {
  readonly client: string
  readonly rule: string
  readonly from: number
  readonly to: number
  /** How long it lasted. */
  readonly length: number
  readonly refused: number
}

export interface TimelineReport {
  /** Milliseconds that each stretch lasts. */
  readonly width: number
  readonly stretches: readonly {
    readonly at: number
    readonly requests: number
    readonly allowed: number
    readonly refused: number
    readonly falselyRefused: number
    readonly tokens: number
    /** Refusals by rule, in the order of the report's rules. */
    readonly refusedBy: readonly number[]
  }[]
}

/** Makes a report of what was counted. @param listed how many clients are listed */
export function reportOf(
  tally: Tally,
  engine: Pick<Engine, 'passedOver'>,
  reading: TraceReading,
  origin: number,
  listed: number,
  notes: readonly string[],
): ReplayReport {
  const { counts, tokens, clients, waits } = tally
  const { requests: played, ...outcomes } = counts
  const ranked = [...clients].sort(
    (a, b) => b.refused - a.refused || b.requests - a.requests || compare(a.client, b.client),
  )
  const longest = longestOf(ranked)
  return {
    trace: { ...reading, from: tally.from, to: tally.to },
    requests: { played, passedOver: engine.passedOver, ...outcomes },
    tokens,
    rules: tally.rules.map(ruleReport),
    tiers: [...tally.tiers]
      .map(([tier, tierCounts]) => ({ tier: tier === '' ? null : tier, ...tierCounts }))
      .sort((a, b) => compare(a.tier ?? '', b.tier ?? '')),
    clients: {
      known: clients.size,
      listed: ranked.slice(0, listed).map((client) => clientReport(client, origin)),
      others: othersOf(ranked.slice(listed), clients.others, origin),
    },
    longestLockout: lockoutReport(longest, origin),
    waits: waits.total === 0 ? null : { count: waits.total, ...waits.quantiles },
    reasons: [...tally.reasons].map(([why, count]) => ({ why, count })).sort((a, b) => b.count - a.count),
    hours: timelineReport(tally.hours, tally.rules.length),
    timeline: timelineReport(tally.timeline, tally.rules.length),
    notes,
  }
}

function ruleReport(rule: RuleTally): RuleReport {
  const { limit, measured } = rule
  return {
    route: rule.route,
    rule: rule.name,
    resource: rule.resource,
    algorithm: limit.algorithm,
    limit: formatLimit(limit),
    enforced: rule.enforced,
    allowed: rule.allowed,
    refused: rule.refused,
    falselyRefused: measured ? rule.falselyRefused : null,
    fullness: rule.fullness.quantiles,
    mostHeld: measured ? rule.mostHeld : null,
    reserved: rule.taken,
    used: rule.settled,
  }
}

function clientReport(tally: ClientTally, origin: number): ClientReport {
  const { client, tier, requests, allowed, refused, falselyRefused, tokens, longest } = tally
  return {
    ...{ client, tier: tier ?? null, requests, allowed, refused, falselyRefused, tokens },
    longestLockout: lockoutReport(longest, origin),
  }
}

function lockoutReport(lockout: Lockout | undefined, origin: number): LockoutReport | null {
  if (lockout === undefined) return null
  const { client, rule, from, to, refused } = lockout
  return { client, rule, from: origin + from, to: origin + to, length: lengthOf(lockout), refused }
}

function longestOf(clients: readonly ClientTally[]): Lockout | undefined {
  let longest: Lockout | undefined
  for (const { longest: own } of clients) {
    if (own !== undefined && (longest === undefined || lengthOf(own) > lengthOf(longest))) longest = own
  }
  return longest
}

/** Those that are not listed and those that were not told apart, together. */
function othersOf(
  unlisted: readonly ClientTally[],
  beyond: ClientTally | undefined,
  origin: number,
): ClientReport | null {
  const all = beyond === undefined ? unlisted : [...unlisted, beyond]
  if (all.length === 0) return null
  const sum = (of: 'requests' | 'allowed' | 'refused' | 'falselyRefused' | 'tokens') =>
    all.reduce((total, client) => total + client[of], 0)
  return {
    client: `(${unlisted.length} others)`,
    tier: null,
    requests: sum('requests'),
    allowed: sum('allowed'),
    refused: sum('refused'),
    falselyRefused: sum('falselyRefused'),
    tokens: sum('tokens'),
    longestLockout: lockoutReport(longestOf(unlisted), origin),
  }
}

function timelineReport(timeline: Timeline, rules: number): TimelineReport {
  const stretches = [...timeline.all()].map(({ at, stretch: { by, ...counts } }) => ({
    at,
    ...counts,
    refusedBy: Array.from({ length: rules }, (_, rule) => by[rule] ?? 0),
  }))
  return { width: timeline.width, stretches }
}

/** By their code units, so that the order is the same everywhere. */
function compare(one: string, other: string): number {
  if (one === other) return 0
  return one < other ? -1 : 1
}
