import type { Quota } from '../limiter/decision.js'
import { ceilToUnit } from '../limits/format-limit.js'
import { capacityOf } from '../limits/limit.js'
import { listOf, sfInteger, sfString } from './ratelimit-headers.js'

/**
 * Returns the value of `Sluice-Warning`: the rules whose thresholds the client has reached, and the
 * soft limits that it exceeds. Undefined if there are none. The value is a List of Strings with
 * parameters (RFC 9651): `used`, the percentage of the limit in use, rounded down; `t`, the seconds
 * until use starts again; and `over` for a soft limit that is exceeded.
 *
 *     Sluice-Warning: "requests";used=95;t=3600, "tokens";used=112;t=60;over
 */
export function sluiceWarning(quotas: readonly Quota[]): string | undefined {
  const warned = quotas.filter(({ warning, overrun }) => warning !== undefined || overrun !== undefined)
  return warned.length === 0 ? undefined : listOf(warned, itemOf)
}

function itemOf({ rule, limit, warning, overrun, resetAfter }: Quota): string {
  const capacity = capacityOf(limit)
  const used = overrun === undefined ? (warning?.used ?? 0) : capacity + overrun
  // A rounding error must not show a threshold that is reached as one percent less.
  const percent = Math.floor((used / capacity) * 100 * (1 + 1e-12))
  const item = `${sfString(rule)};used=${sfInteger(percent)};t=${sfInteger(ceilToUnit(resetAfter))}`
  return overrun === undefined ? item : `${item};over`
}
