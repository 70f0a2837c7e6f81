import type { Limit, Quota } from 'sluice'
import type { Outcome } from '../engine/replay-events.js'

/** A rule that somebody met for the first time. */
export interface ToldRule extends Pick<Quota, 'resource' | 'enforced'> {
  readonly route: string
  readonly name: string
  /** Of that request: tiers and warm-ups may scale it for others. */
  readonly limit: Limit
}

/** How a request stood with a rule. */
export interface ToldQuota {
  /** The place of the rule, from 0 in the order in which rules were told. */
  rule: number
  limit: Limit
  /** The hash of its key, in two halves. */
  keyLow: number
  keyHigh: number
  cost: number
  allowed: boolean
  remaining: number
  resetAfter: number
}

/** What is counted of a request that was decided on. Times are milliseconds of the trace. Whoever is told takes from it what is to be kept: it is filled anew for the next. */
export interface Told {
  outcome: Outcome['kind']
  /** When it came by the trace, when it was played, and when it was decided on. */
  at: number
  cameAt: number
  decidedAt: number
  /** Who sent it, by the number that the trace gives. */
  sender: number
  /** The sender's name, when it is told of for the first time. */
  name: string | undefined
  tier: string | undefined
  /** Input and output. */
  tokens: number
  /** Why it could not be weighed, or may not be made. */
  why: string
  /** The place of the rule that refused it, where one did. */
  refuser: number
  /** What its settlement and its end are told by; `NOTHING_HELD` where it has none. */
  holding: number
  /** Of which the first `quotaCount` are its own. */
  readonly quotas: ToldQuota[]
  quotaCount: number
}

export const NOTHING_HELD = -1
