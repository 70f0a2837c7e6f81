import { parseDuration } from 'sluice'
import { AdminActionError } from './action.js'

/** Maximum duration of an act. A longer one should not end by itself. */
const MAX_DURATION_MS = 10 * 365 * 86_400_000

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/i

/**
 * Returns when an act ends, in milliseconds since the epoch; undefined if it does not end by itself.
 *
 * @throws AdminActionError for a moment that is invalid, in the past or more than ten years away
 */
export function endOf(
  ending: { readonly until?: string | undefined; readonly for?: string | undefined },
  now: number,
): number | undefined {
  if (ending.for !== undefined) return checked(now + durationOf(ending.for), now, 'for')
  if (ending.until === undefined) return undefined
  const at = MOMENT.test(ending.until) ? Date.parse(ending.until) : Number.NaN
  if (Number.isNaN(at))
    throw new AdminActionError("'until' must be a moment with a time zone, such as 2026-12-24T18:00:00Z")
  return checked(at, now, 'until')
}

function durationOf(text: string): number {
  try {
    return parseDuration(text)
  } catch (error) {
    throw new AdminActionError(`'for': ${(error as Error).message}`)
  }
}

function checked(at: number, now: number, member: string): number {
  if (at <= now) throw new AdminActionError(`'${member}' is in the past; write a later moment`)
  if (at - now > MAX_DURATION_MS)
    throw new AdminActionError(`'${member}' must end within 10 years; omit it for an act without an end`)
  return Math.ceil(at)
}
