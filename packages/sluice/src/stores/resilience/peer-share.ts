import type { Limit } from '../../limits/limit.js'

/**
 * The share of a limit that each of `peers` processes may give out by itself while they cannot ask their store.
 *
 * **Bound**: `peers` processes together give out, while none of them asks the store,
 *
 * - token bucket: at most peers·b + r·t in any interval of length t, where r is the limit's rate and b is the share
 *   of the burst: burst/peers, but at least 1 (or the whole burst, where that is less than 1). So: B + r·t where
 *   the burst B is no less than the number of peers.
 * - sliding log: at most peers·n in every trailing period, where n = limit/peers, rounded down, but at least 1.
 *   So: the limit, where that is no less than the number of peers.
 * - fixed window: at most peers·n in a window of the calendar. Windows that open with the first request open in each
 *   process on their own; then as with one process, 2·peers·n in a period that straddles two of them.
 * - sliding window: at most peers·n by its estimate, and less than 2·peers·n in a period against the worst timing.
 * - concurrency: at most peers·n in flight at any moment.
 *
 * Nobody's share is less than one whole unit, or a request of one unit would be refused for as long as the store is
 * away. A request that costs more than a share waits for the store to come back.
 */
export function shareOf(limit: Limit, peers: number): Limit {
  if (peers === 1) return limit
  if (limit.algorithm === 'token-bucket') {
    const burst = Math.max(limit.burst / peers, Math.min(1, limit.burst))
    return Object.freeze({ ...limit, limit: limit.limit / peers, burst })
  }
  return Object.freeze({ ...limit, limit: Math.max(1, Math.floor(limit.limit / peers)) })
}
