import type { Limit, Quota } from 'sluice'
import type { Outcome } from '../engine/replay-events.js'

/** A rule that makes its first decision. */
export interface RuleEvent extends Pick<Quota, 'resource' | 'enforced'> {
  readonly route: string
  readonly name: string
  /** The limit of the first request. Tiers and warm-ups may scale it for others. */
  readonly limit: Limit
  /** True if the rule has penalties, so it refuses requests that its limit would admit. */
  readonly penalized: boolean
}

/** The quota of a request under one rule. */
export interface QuotaEvent {
  /** The number of the rule, from 0 in the order in which rules were reported. */
  rule: number
  limit: Limit
  /** The two halves of the key's hash. */
  keyLow: number
  keyHigh: number
  cost: number
  allowed: boolean
  remaining: number
  /** Units in use above a soft limit; 0 if there are none. */
  overrun: number
  resetAfter: number
}

/**
 * A decided request. Times are milliseconds of the trace. The object is reused for the next
 * request, so receivers must copy what they retain.
 */
export interface DecisionEvent {
  outcome: Outcome['kind']
  /** Recorded time of arrival, time of arrival in the replay, and time of the decision. */
  at: number
  arrivedAt: number
  decidedAt: number
  /** Number of the sender within the trace. */
  sender: number
  /** Name of the sender, with its first request only. */
  name: string | undefined
  tier: string | undefined
  /** Input and output tokens. */
  tokens: number
  /** Why the request is forbidden or invalid. */
  why: string
  /** The number of the rule that refused it; 0 if none did. */
  refuser: number
  /**
   * Identifies the request in later `settled` and `ended` events; `NO_OPEN_ID` if there will be
   * none.
   */
  openId: number
  /** Only the first `quotaCount` belong to this request. */
  readonly quotas: QuotaEvent[]
  quotaCount: number
}

export const NO_OPEN_ID = -1
