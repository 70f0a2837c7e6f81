import { parseDuration } from 'sluice'
import { KeyError } from './key-error.js'

/**
 * Parses a date (in UTC), or a date and time with a time zone.
 *
 * @param name the name of the property, for messages
 * @returns milliseconds since the epoch
 * @throws TypeError for any other string
 */
export function parseMoment(written: string, name: string): number {
  const time = /^\d{4}-\d\d-\d\d(T.+(Z|[+-]\d\d:\d\d))?$/.test(written) ? Date.parse(written) : Number.NaN
  if (Number.isNaN(time))
    throw new TypeError(
      `'${name}' must be a date (in UTC) such as 2027-01-31, or a date and time such as 2027-01-31T12:00:00Z`,
    )
  return time
}

/**
 * Returns when a key that is rotated now expires.
 *
 * @param expires when the key expires anyway
 */
export function expiryAfterGrace(expires: number | undefined, graceMs: number, now: number): number {
  return Math.min(expires ?? Number.POSITIVE_INFINITY, Math.ceil(now + graceMs))
}

const DEFAULT_GRACE = '24h'
const MAX_GRACE_MS = 366 * 86_400_000

/**
 * Parses how long a rotated key stays valid.
 *
 * @returns milliseconds
 * @throws KeyError for a duration that is invalid or longer than a year
 */
export function parseGrace(written: string = DEFAULT_GRACE): number {
  const graceMs = /^0+\s*(ms|s|m|h|d)?$/.test(written) ? 0 : durationOf(written)
  if (graceMs <= MAX_GRACE_MS) return graceMs
  throw new KeyError('invalid', 'the grace period must be at most a year')
}

function durationOf(written: string): number {
  try {
    return parseDuration(written)
  } catch (error) {
    throw new KeyError('invalid', `the grace period is invalid: ${(error as Error).message}`)
  }
}
