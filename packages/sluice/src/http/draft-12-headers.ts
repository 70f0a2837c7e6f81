import type { Quota } from '../limiter/decision.js'
import {
  headerUnits,
  listOf,
  partitionKey,
  rateLimitItem,
  rateLimitPolicy,
  secondsUntilMore,
  sfInteger,
} from './ratelimit-headers.js'

// The headers of draft-ietf-httpapi-ratelimit-headers-12, as far as its changes are known: `RateLimit`
// has `a` (available units) in place of `r`, `w` (effective window) in place of `t`, and `c` (units
// that the request consumed). Clients of either version ignore parameters that they do not know, so
// both spellings are sent:
//
//     RateLimit-Policy: "requests";q=10;w=60
//     RateLimit: "requests";r=3;t=6;a=3;w=6;c=1
//
// `RateLimit-Partition` is not sent, because its syntax is not known.

/**
 * Returns the headers of draft-12, with the spelling of draft-11 as well.
 *
 * @param enforced the rules that the policy lists
 * @param reported the rules whose remaining units are listed
 * @param isAllowed `false` if the request was refused and therefore consumed nothing
 */
export function draft12Headers(
  enforced: readonly Quota[],
  reported: readonly Quota[],
  isAllowed: boolean,
  partitionKeySecret: string | undefined,
): [name: string, value: string][] {
  const item = (quota: Quota) => {
    const seconds = secondsUntilMore(quota)
    const window = seconds === undefined ? '' : `;w=${sfInteger(seconds)}`
    const consumed = isAllowed ? Math.ceil(headerUnits(quota.cost, quota.limit)) : 0
    const available = sfInteger(headerUnits(quota.remaining, quota.limit))
    const parameters = `;a=${available}${window};c=${sfInteger(consumed)}`
    return `${rateLimitItem(quota)}${parameters}${partitionKey(quota.key, partitionKeySecret)}`
  }
  return [
    ['ratelimit-policy', rateLimitPolicy(enforced, partitionKeySecret)],
    ['ratelimit', listOf(reported, item)],
  ]
}
