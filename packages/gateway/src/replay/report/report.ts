import type { ServerReport } from '../server/server-report.js'
import type { Quantiles } from '../stats/quantile-histograms.js'
import type { TraceReading } from '../trace/trace.js'

/**
 * Result of replaying a trace. Durations are in milliseconds and times in milliseconds since the
 * epoch.
 */
export interface ReplayReport {
  readonly trace: TraceReading & { readonly from: number; readonly to: number }
  /** Requests by outcome. */
  readonly requests: RequestCounts
  readonly tokens: {
    /** Input and output tokens of all requests. */
    readonly offered: number
    /** Input and output tokens of admitted requests. */
    readonly admitted: number
  }
  readonly rules: readonly RuleReport[]
  readonly tiers: readonly TierReport[]
  readonly clients: {
    /** Number of clients counted separately. */
    readonly known: number
    /** The clients with the most refusals and then the most requests. */
    readonly listed: readonly ClientReport[]
    /** The sum of all other clients; null if there are none. */
    readonly others: ClientReport | null
  }
  /**
   * The longest period in which every request of a client was refused; null if none was refused.
   */
  readonly longestLockout: LockoutReport | null
  /** Time spent waiting for a limit; null if no request waited. */
  readonly waits: (Quantiles & { readonly count: number }) | null
  /** Why requests were forbidden or invalid. */
  readonly reasons: readonly { readonly why: string; readonly count: number }[]
  readonly hours: TimelineReport
  readonly timeline: TimelineReport
  /** What the model of a server did with the admitted requests; absent without one. */
  readonly server?: ServerReport
  /** Assumptions and incomplete statistics that a reader should know about. */
  readonly notes: readonly string[]
}

interface RequestCounts {
  readonly played: number
  /** Requests skipped because they belong to a route that is not selected. */
  readonly passedOver: number
  readonly allowed: number
  readonly refused: number
  /** Refused requests that a perfect limiter with the same bounds would have admitted. */
  readonly falselyRefused: number
  /** Allowed requests to which no limit applies. */
  readonly unlimited: number
  readonly forbidden: number
  readonly invalid: number
  readonly unrouted: number
  /** Requests whose clients stopped waiting for a limit; 0 without a limit on their patience. */
  readonly abandoned: number
  /**
   * Calls that used up what they had reserved while a limit could not hold more; absent if there
   * are none.
   */
  readonly exhausted?: number
}

export interface RuleReport {
  readonly route: string
  readonly rule: string
  readonly resource: string
  /** The currency of money, whose `reserved` and `used` are in units of 10^-9; absent for other resources. */
  readonly currency?: string
  readonly algorithm: string
  readonly limit: string
  readonly enforced: boolean
  /** Requests that this rule alone would have admitted. */
  readonly allowed: number
  /** Requests that it refused or, as a shadow rule, would have refused. */
  readonly refused: number
  /** Requests that it admitted above it, as a soft limit; absent if there are none. */
  readonly softOverruns?: number
  /** Null if not measured. */
  readonly falselyRefused: number | null
  /** The used fraction of the limit after each request. */
  readonly fullness: Quantiles
  /**
   * The highest usage of any key, in a trailing period or in flight, as a fraction of the limit;
   * null if not measured.
   */
  readonly mostHeld: number | null
  /**
   * The most that the bucket of any key owed after a settlement, as a fraction of its burst; absent
   * if none did.
   */
  readonly mostOwed?: number
  /** Sum of the costs charged at admission. */
  readonly reserved: number
  /** Sum of the actual costs. */
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
  /** Duration in milliseconds. */
  readonly length: number
  readonly refused: number
}

export interface TimelineReport {
  /** Width of each interval in milliseconds. */
  readonly width: number
  readonly stretches: readonly {
    readonly at: number
    readonly requests: number
    readonly allowed: number
    readonly refused: number
    readonly falselyRefused: number
    readonly tokens: number
    /** Refusals by rule, in the order of `rules`. */
    readonly refusedBy: readonly number[]
  }[]
}
