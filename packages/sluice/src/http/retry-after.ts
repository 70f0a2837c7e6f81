import { createHmac } from 'node:crypto'
import type { Refusal } from '../limiter/decision.js'
import { ceilToUnit } from '../limits/format-limit.js'
import { calendarWindow } from '../time/calendar.js'

/** Maximum jitter of `Retry-After`, in milliseconds and as a fraction of the window. */
const MAX_JITTER_MS = 60_000
const MAX_JITTER_FRACTION = 0.1

/**
 * Returns the seconds until the client should retry, rounded up; undefined if the request would
 * never be admitted.
 *
 * This is the time until the request would be admitted. At the reset of a calendar window, which
 * is the same instant for all clients, up to a minute is added so that they do not all return at
 * once. The delay is the same for all requests of one client in one window.
 *
 * @param now the time of the decision, in epoch milliseconds. Default: the clock of this process
 */
export function retryAfterSeconds(refusal: Refusal, now = Date.now()): number | undefined {
  const wait = retryAfterMs(refusal, now)
  return wait === undefined ? undefined : Math.max(1, ceilToUnit(wait))
}

/** Returns the same time in milliseconds, rounded up. */
export function retryAfterMs(refusal: Refusal, now = Date.now()): number | undefined {
  if (!Number.isFinite(refusal.retryAfter)) return undefined
  return Math.max(1, ceilToUnit(refusal.retryAfter + resetJitter(refusal, now), 1))
}

/**
 * Returns the jitter of a retry at the reset of a calendar window, in milliseconds: less than a
 * tenth of the window and less than a minute. All processes compute the same jitter, without a
 * shared secret.
 */
function resetJitter({ rule, key, limit, reason }: Refusal, now: number): number {
  if (limit.algorithm !== 'fixed-window' || limit.align !== 'calendar' || reason !== 'exceeded') return 0
  const { start, end } = calendarWindow(now, limit.period, limit.timeZone)
  const fraction =
    createHmac('sha256', `${end} ${rule}`).update(key, 'utf16le').digest().readUInt32BE() / 2 ** 32
  return fraction * Math.min(MAX_JITTER_MS, MAX_JITTER_FRACTION * (end - start))
}
