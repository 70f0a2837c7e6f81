import { OptionRangeError } from '../option-error.js'

type Unit = 'hour' | 'day' | 'week' | 'month' | 'year'

/**
 * An hour, day, week (from Monday), month or year in a time zone.
 *
 * A day may last 23 or 25 hours, and may start at 01:00 if midnight is skipped. The
 * boundaries are therefore derived from the rules of the zone (Intl). They are computed once per
 * window and cached.
 */
export interface CalendarWindow {
  /** The first instant of the window, in milliseconds since the epoch. */
  readonly start: number
  /** The first instant of the next window. */
  readonly end: number
}

const HOUR = 3_600_000
const DAY = 24 * HOUR

const UNIT_OF_PERIOD: ReadonlyMap<number, Unit> = new Map([
  [HOUR, 'hour'],
  [DAY, 'day'],
  [7 * DAY, 'week'],
  [30 * DAY, 'month'],
  [365 * DAY, 'year'],
])

/**
 * Validates the period and the time zone of a calendar window.
 *
 * @throws RangeError for a period that is not a calendar unit, or an unknown time zone.
 */
export function checkCalendar(period: number, timeZone: string): void {
  if (!UNIT_OF_PERIOD.has(period)) {
    throw new OptionRangeError(
      ['period'],
      `a calendar window must be one hour, day, week, month or year, not ${period} ms`,
    )
  }
  try {
    formatterFor(timeZone)
  } catch {
    throw new OptionRangeError(
      ['timeZone'],
      `unknown time zone '${String(timeZone).slice(0, 60)}'; use an IANA name such as 'Europe/Berlin'`,
    )
  }
}

/** Returns the calendar window that contains `now` (milliseconds since the epoch). */
export function calendarWindow(now: number, period: number, timeZone = 'UTC'): CalendarWindow {
  const cacheKey = `${timeZone} ${period}`
  const recent = recentWindows.get(cacheKey)
  if (recent !== undefined && recent.start <= now && now < recent.end) return recent
  const unit = UNIT_OF_PERIOD.get(period)
  if (unit === undefined) throw new RangeError(`no calendar unit lasts ${period} ms`)
  const window = computeWindow(now, unit, timeZone)
  recentWindows.set(cacheKey, window)
  return window
}

/**
 * The latest window for each time zone and period in use. The number of entries depends on the
 * configuration, not on clients.
 */
const recentWindows = new Map<string, CalendarWindow>()

function computeWindow(now: number, unit: Unit, timeZone: string): CalendarWindow {
  if (unit === 'hour') return hourWindow(Math.floor(now), timeZone)
  const local = new Date(now + offsetAt(now, timeZone))
  const [year, month, day] = [local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate()]
  const sinceMonday = (local.getUTCDay() + 6) % 7
  const boundaries: Record<Exclude<Unit, 'hour'>, [number, number]> = {
    day: [Date.UTC(year, month, day), Date.UTC(year, month, day + 1)],
    week: [Date.UTC(year, month, day - sinceMonday), Date.UTC(year, month, day - sinceMonday + 7)],
    month: [Date.UTC(year, month, 1), Date.UTC(year, month + 1, 1)],
    year: [Date.UTC(year, 0, 1), Date.UTC(year + 1, 0, 1)],
  }
  const [start, end] = boundaries[unit]
  return { start: firstInstantAt(start, timeZone), end: firstInstantAt(end, timeZone) }
}

/**
 * Returns the hourly window that contains `now`. If the zone's clocks change by a fraction of an
 * hour, the shortened hour is merged with the next one. Every window thus lasts at least an hour,
 * so any period of one hour overlaps at most two windows, as the bound of the fixed window
 * requires.
 */
function hourWindow(now: number, timeZone: string): CalendarWindow {
  let hour = shownHour(now, timeZone)
  for (let before = hour; ; ) {
    before = shownHour(before.start - 1, timeZone)
    if (!isShort(before)) break
    hour = before
  }
  let { start, end } = hour
  while (isShort({ start, end }) || end <= now) {
    if (!isShort({ start, end })) start = end
    end = shownHour(end, timeZone).end
  }
  return { start, end }
}

function isShort({ start, end }: CalendarWindow): boolean {
  return end - start < HOUR
}

/**
 * Returns the period during which the zone's clocks show the current hour. A repeated hour counts
 * as two.
 */
function shownHour(now: number, timeZone: string): CalendarWindow {
  const offset = offsetAt(now, timeZone)
  const start = Math.floor((now + offset) / HOUR) * HOUR - offset
  return {
    start: shownSince(start, now, offset, timeZone),
    end: shownUntil(start + HOUR, now, offset, timeZone),
  }
}

/** @param start the start of the hour if the clocks had not changed since */
function shownSince(start: number, now: number, offset: number, timeZone: string): number {
  if (offsetAt(start, timeZone) === offset) return start
  const change = firstInstant(start, now, (instant) => offsetAt(instant, timeZone) === offset)
  const before = offsetAt(change - 1, timeZone)
  const isAnotherHour = Math.floor((change - 1 + before) / HOUR) !== Math.floor((change + offset) / HOUR)
  if (isAnotherHour || (change + offset) % HOUR === 0) return change
  return Math.floor((change - 1 + before) / HOUR) * HOUR - before
}

/** @param end the end of the hour if the clocks do not change before */
function shownUntil(end: number, now: number, offset: number, timeZone: string): number {
  if (offsetAt(end - 1, timeZone) === offset) {
    // If clocks are set back by a fraction of an hour at the end of an hour, they continue to show
    // that hour.
    const after = offsetAt(end, timeZone)
    const isAnotherHour = Math.floor((end + after) / HOUR) !== Math.floor((end - 1 + offset) / HOUR)
    return isAnotherHour || (end + after) % HOUR === 0 ? end : Math.ceil((end + after) / HOUR) * HOUR - after
  }
  const change = firstInstant(now, end - 1, (instant) => offsetAt(instant, timeZone) !== offset)
  const after = offsetAt(change, timeZone)
  const isAnotherHour = Math.floor((change + after) / HOUR) !== Math.floor((change - 1 + offset) / HOUR)
  if (isAnotherHour || (change + after) % HOUR === 0) return change
  return Math.ceil((change + after) / HOUR) * HOUR - after
}

/**
 * Returns the first instant in (early, late] that satisfies a condition. `late` must satisfy it.
 */
function firstInstant(early: number, late: number, condition: (instant: number) => boolean): number {
  let [tooEarly, found] = [early, late]
  while (found - tooEarly > 1) {
    const middle = Math.floor((tooEarly + found) / 2)
    if (condition(middle)) found = middle
    else tooEarly = middle
  }
  return found
}

/**
 * Returns the first instant at which the zone's clocks show `local` (a local time, encoded as if it
 * were in UTC) or later.
 */
function firstInstantAt(local: number, timeZone: string): number {
  const before = local - offsetAt(local - DAY, timeZone)
  const after = local - offsetAt(local + DAY, timeZone)
  // If the clocks change in between, one candidate may show an earlier wall time.
  const candidates = [before, after].sort((a, b) => a - b)
  for (const candidate of candidates) {
    if (candidate + offsetAt(candidate, timeZone) >= local) return firstShowing(local, candidate, timeZone)
  }
  return Math.max(before, after)
}

/** Handles a skipped midnight: the day starts at the gap, and the candidate lies after it. */
function firstShowing(local: number, candidate: number, timeZone: string): number {
  if (candidate + offsetAt(candidate, timeZone) === local) return candidate
  return firstInstant(candidate - DAY, candidate, (instant) => instant + offsetAt(instant, timeZone) >= local)
}

/** Returns the UTC offset of a zone at an instant, in milliseconds. */
export function offsetAt(instant: number, timeZone: string): number {
  if (timeZone === 'UTC') return 0
  const whole = Math.floor(instant / 1000) * 1000
  const parts: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {}
  for (const part of formatterFor(timeZone).formatToParts(whole)) parts[part.type] = Number(part.value)
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts
  return Date.UTC(year, month - 1, day, hour, minute, second) - whole
}

const formatters = new Map<string, Intl.DateTimeFormat>()

function formatterFor(timeZone: string): Intl.DateTimeFormat {
  let formatter = formatters.get(timeZone)
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'gregory',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
    formatters.set(timeZone, formatter)
  }
  return formatter
}
