import type { Quantiles } from '../stats/quantile-histograms.js'
import type { TraceReading } from '../trace/trace.js'

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
