/**
 * Memcached interprets an expiry of up to 30 days as a duration in seconds, and a larger one as a
 * Unix timestamp.
 */
const MAX_DURATION_SECONDS = 30 * 86_400

/** The last Unix timestamp that Memcached supports, in January 2038. */
const MAX_TIMESTAMP = 2 ** 31 - 1

/** An expiry in the past: Memcached deletes the key immediately. */
export const EXPIRED = -1

/**
 * Returns the expiry, in Memcached's format, of a state that is idle after `idleAfter`
 * milliseconds. The key expires when the state is idle, or less than two seconds later. Memcached
 * counts whole seconds, and the current one may be almost over, so one second is added.
 *
 * `latestServerTime` is an upper bound on the server's time in milliseconds since the epoch, at
 * most a second and a round trip ahead. An expiry beyond 30 days may be late by that much.
 */
export function expiryOf(idleAfter: number, latestServerTime: number): number {
  const seconds = Math.ceil(idleAfter / 1000) + 1
  if (seconds <= MAX_DURATION_SECONDS) return seconds
  return Math.min(MAX_TIMESTAMP, Math.ceil((latestServerTime + idleAfter) / 1000))
}
