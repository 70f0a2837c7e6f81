import type { Quota } from '../limiter/decision.js'
import { ceilToUnit } from '../limits/format-limit.js'
import { headerUnits, quotaAndWindow, sfInteger, timeUntilMore } from './ratelimit-headers.js'

// The headers of draft-ietf-httpapi-ratelimit-headers-07 and -06. They have no names of rules, so
// they describe a single rule. Its window is required, so `concurrent` rules are not listed.
//
//     draft-7   RateLimit-Policy: 10;w=60
//               RateLimit: limit=10, remaining=3, reset=21
//     draft-6   RateLimit-Policy: 10;w=60
//               RateLimit-Limit: 10
//               RateLimit-Remaining: 3
//               RateLimit-Reset: 21

/**
 * Returns the headers of draft-7 or draft-6.
 *
 * @param enforced the rules that the policy lists
 * @param reported the rules of which the one with the smallest remaining fraction is described
 */
export function dictionaryHeaders(
  enforced: readonly Quota[],
  reported: readonly Quota[],
  draft: 'draft-7' | 'draft-6',
): [name: string, value: string][] {
  const policies = enforced.flatMap(({ limit }) => {
    const { quota, window } = quotaAndWindow(limit)
    return window === undefined ? [] : [`${sfInteger(quota)};w=${sfInteger(window)}`]
  })
  if (policies.length === 0) return []
  const headers: [name: string, value: string][] = [['ratelimit-policy', policies.join(', ')]]
  const windowed = reported.filter(({ limit }) => limit.algorithm !== 'concurrency')
  if (windowed.length === 0) return headers
  const least = leastRemaining(windowed)
  const limit = sfInteger(quotaAndWindow(least.limit).quota)
  const remaining = sfInteger(headerUnits(least.remaining, least.limit))
  const reset = sfInteger(ceilToUnit(timeUntilMore(least)))
  if (draft === 'draft-7')
    headers.push(['ratelimit', `limit=${limit}, remaining=${remaining}, reset=${reset}`])
  else
    headers.push(['ratelimit-limit', limit], ['ratelimit-remaining', remaining], ['ratelimit-reset', reset])
  return headers
}

/** Returns the quota with the smallest remaining fraction. */
export function leastRemaining(quotas: readonly Quota[]): Quota {
  return quotas.reduce((least, quota) =>
    quota.remaining / quota.limit.limit < least.remaining / least.limit.limit ? quota : least,
  )
}
