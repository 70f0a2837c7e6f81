import { offsetAt } from './calendar.js'

/**
 * Formats an instant, rounded to a second and then up to a minute: `2026-12-05 00:00 UTC`. Another time zone is followed
 * by its offset: `2026-12-05 00:00 Europe/Berlin (UTC+01:00)`.
 *
 * @param instant milliseconds since 1970
 * @param timeZone an IANA name that `checkCalendar` accepts. Default: `UTC`
 * @returns undefined if the instant is out of the range of dates
 */
export function formatInstant(instant: number, timeZone = 'UTC'): string | undefined {
  // The instant is often computed from a clock that was read up to a second earlier.
  const minute = Math.ceil(Math.round(instant / 1000) / 60) * 60_000
  if (!(Math.abs(minute) < MAX_INSTANT)) return undefined
  const offset = offsetAt(minute, timeZone)
  const local = new Date(minute + offset).toISOString()
  const shown = `${local.slice(0, -14)} ${local.slice(-13, -8)} ${timeZone}`
  return timeZone === 'UTC' ? shown : `${shown} (UTC${formatOffset(offset)})`
}

/** The range of dates, less a day for the offset of a zone. */
const MAX_INSTANT = 8.64e15 - 86_400_000

function formatOffset(offset: number): string {
  const minutes = Math.round(Math.abs(offset) / 60_000)
  const digits = [Math.floor(minutes / 60), minutes % 60].map((part) => String(part).padStart(2, '0'))
  return `${offset < 0 ? '-' : '+'}${digits.join(':')}`
}
