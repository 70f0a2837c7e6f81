import type { Decision, Quota } from '../limiter/decision.js'
import { ceilToUnit } from '../limits/format-limit.js'
import { retryAfterSeconds } from './problem.js'
import { type HeaderList, headersOfOneRule, rateLimit, rateLimitPolicy } from './ratelimit-headers.js'

/** Options of the rate limit headers. */
export interface FieldOptions {
  /**
   * Adds `X-RateLimit-Limit`, `-Remaining` and `-Reset` (in seconds from now) for the rule with the
   * smallest remaining fraction.
   */
  readonly xRateLimit?: boolean
  /**
   * Adds partition keys (`pk`): digests of the rules' keys, computed with this secret. Default:
   * none.
   */
  readonly partitionKeySecret?: string
}

/**
 * Returns the response headers that report the quotas of a decision to the client.
 */
export function limitFields(decision: Decision, options: FieldOptions): HeaderList {
  const enforced = decision.quotas.every(isEnforced) ? decision.quotas : decision.quotas.filter(isEnforced)
  if (enforced.length === 0) return []
  const secret = options.partitionKeySecret
  const [sole] = enforced
  if (sole && enforced.length === 1 && decision.allowed && secret === undefined && !options.xRateLimit)
    return headersOfOneRule(sole)
  // A refusal reports only the rules that refused, so that `Retry-After` is never shorter than a
  // reported `t`.
  const reported = decision.allowed ? enforced : enforced.filter((quota) => !quota.allowed)
  const headers: [name: string, value: string][] = [
    ['ratelimit-policy', rateLimitPolicy(enforced, secret)],
    ['ratelimit', rateLimit(reported, secret)],
  ]
  if (options.xRateLimit) headers.push(...xRateLimitHeaders(leastRemaining(reported)))
  const seconds = decision.allowed ? undefined : retryAfterSeconds(decision.refusal)
  if (seconds !== undefined) headers.push(['retry-after', String(seconds)])
  return headers
}

const isEnforced = ({ enforced }: Quota) => enforced

function leastRemaining(quotas: readonly Quota[]): Quota {
  return quotas.reduce((least, quota) =>
    quota.remaining / quota.limit.limit < least.remaining / least.limit.limit ? quota : least,
  )
}

function xRateLimitHeaders({ limit, remaining, resetAfter }: Quota): [name: string, value: string][] {
  return [
    ['x-ratelimit-limit', String(limit.limit)],
    ['x-ratelimit-remaining', String(remaining)],
    ['x-ratelimit-reset', String(ceilToUnit(resetAfter))],
  ]
}
