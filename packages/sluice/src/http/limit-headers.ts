import type { Decision, Quota } from '../limiter/decision.js'
import { roundedUp } from '../limits/format-limit.js'
import { retryAfterSeconds } from './problem.js'
import { type Fields, fieldsOfOneRule, rateLimit, rateLimitPolicy } from './ratelimit-headers.js'

/** How the fields of an answer speak of limits. */
export interface FieldOptions {
  /** Adds `X-RateLimit-Limit`, `-Remaining` and `-Reset` (in seconds from now), of the rule nearest to its end. */
  readonly xRateLimit?: boolean
  /** Adds partition keys (`pk`): digests of the rules' keys under this secret. Default: none. */
  readonly partitionKeySecret?: string
}

/** The fields that tell a client how it stands, for an answer to a request that was decided on so. */
export function limitFields(decision: Decision, options: FieldOptions): Fields {
  const enforced = decision.quotas.every(isEnforced) ? decision.quotas : decision.quotas.filter(isEnforced)
  if (enforced.length === 0) return []
  const secret = options.partitionKeySecret
  const [sole] = enforced
  if (sole && enforced.length === 1 && decision.allowed && secret === undefined && !options.xRateLimit)
    return fieldsOfOneRule(sole)
  // Of a refusal only the rules that refused are told, so that `Retry-After` never lies before the end of a `t`.
  const told = decision.allowed ? enforced : enforced.filter((quota) => !quota.allowed)
  const fields: [name: string, value: string][] = [
    ['ratelimit-policy', rateLimitPolicy(enforced, secret)],
    ['ratelimit', rateLimit(told, secret)],
  ]
  if (options.xRateLimit) fields.push(...xRateLimitFields(nearestToItsEnd(told)))
  const seconds = decision.allowed ? undefined : retryAfterSeconds(decision.refusal)
  if (seconds !== undefined) fields.push(['retry-after', String(seconds)])
  return fields
}

const isEnforced = ({ enforced }: Quota) => enforced

function nearestToItsEnd(quotas: readonly Quota[]): Quota {
  return quotas.reduce((nearest, quota) =>
    quota.remaining / quota.limit.limit < nearest.remaining / nearest.limit.limit ? quota : nearest,
  )
}

function xRateLimitFields({ limit, remaining, resetAfter }: Quota): [name: string, value: string][] {
  return [
    ['x-ratelimit-limit', String(limit.limit)],
    ['x-ratelimit-remaining', String(remaining)],
    ['x-ratelimit-reset', String(roundedUp(resetAfter))],
  ]
}
