import type { Limit } from '../../limits/limit.js'

/**
 * Returns the share of a limit that each of `peers` processes may admit on its own while the store
 * is unavailable.
 *
 * **Bound**: together, `peers` processes that all decide locally admit
 *
 * - token bucket: at most peers·b + r·t in any interval of length t. Here r is the rate of the
 *   limit and b the share of the burst: burst/peers, but at least 1, or the whole burst if that is
 *   below 1. If the burst B is at least `peers`, this is B + r·t.
 * - sliding log: at most peers·n in every trailing period, where n = limit/peers, rounded down, but
 *   at least 1. If the limit is at least `peers`, this is at most the limit.
 * - fixed window: at most peers·n in a calendar window. A window that opens with the first request
 *   opens at a different time in each process. A period that straddles two windows may admit
 *   2·peers·n, just as a single process may admit twice its limit.
 * - sliding window: at most peers·n by its estimate, and less than 2·peers·n in any period.
 * - concurrency: at most peers·n in flight at any moment.
 *
 * A share is at least one unit. Otherwise, a request that costs one unit would be refused for the
 * whole outage. A request that costs more than a share is refused until the store has recovered.
 */
export function shareOf(limit: Limit, peers: number): Limit {
  if (peers === 1) return limit
  if (limit.algorithm === 'token-bucket') {
    const burst = Math.max(limit.burst / peers, Math.min(1, limit.burst))
    const initial = limit.initial === undefined ? {} : { initial: limit.initial / peers }
    return Object.freeze({ ...limit, limit: limit.limit / peers, burst, ...initial })
  }
  return Object.freeze({ ...limit, limit: Math.max(1, Math.floor(limit.limit / peers)) })
}
