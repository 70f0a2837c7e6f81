/**
 * Memcached reads an expiry of up to 30 days as a duration in seconds, and a larger one as a date.
 */
const MAX_DURATION_SECONDS = 30 * 86_400

/** The last date that Memcached can read, in seconds since the epoch: in January 2038. */
const MAX_DATE_SECONDS = 2 ** 31 - 1

/** An expiry in the past: Memcached deletes the key at once. */
export const EXPIRED = -1

/**
 * Returns the expiry, in Memcached's format, of a state that is idle after `idleAfter`
 * milliseconds. The key expires no earlier and less than two seconds later. Memcached counts whole
 * seconds of its clock, and the current one may end at once, so one second is added.
 *
 * `latestServerTime` is an upper bound of the server's clock in milliseconds since the epoch, at
 * most a second and a round trip ahead. It delays an expiry date by that much.
 */
export function expiryOf(idleAfter: number, latestServerTime: number): number {
  const seconds = Math.ceil(idleAfter / 1000) + 1
  if (seconds <= MAX_DURATION_SECONDS) return seconds
  return Math.min(MAX_DATE_SECONDS, Math.ceil((latestServerTime + idleAfter) / 1000))
}
