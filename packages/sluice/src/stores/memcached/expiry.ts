/** Up to here, in seconds, Memcached takes an expiry for a length of time; what is more is a date. */
const MAX_LENGTH = 30 * 86_400

/** The last date that Memcached can read, in seconds since the epoch: in January 2038. */
const LAST_DATE = 2 ** 31 - 1

/** Memcached forgets at once what has this expiry. */
export const EXPIRED = -1

/**
 * The expiry, as Memcached wants it, of a state that may be forgotten after `idleAfter` milliseconds: not before, and
 * less than two seconds after. Memcached counts in seconds that have begun already, so the first may be over at
 * once and does not count.
 *
 * `latestServerTime`: the server's clock in milliseconds since the epoch, or up to a second more: what is a date may so be
 * later than what is a length, but not later than those two seconds, and the round trip by which the clock was read.
 */
export function expiryOf(idleAfter: number, latestServerTime: number): number {
  const seconds = Math.ceil(idleAfter / 1000) + 1
  if (seconds <= MAX_LENGTH) return seconds
  return Math.min(LAST_DATE, Math.ceil((latestServerTime + idleAfter) / 1000))
}
