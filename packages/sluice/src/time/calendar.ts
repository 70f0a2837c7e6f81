import { OptionRangeError } from '../option-error.js'

/**
 * Windows of the calendar: the hour, day, week (from Monday), month or year of a time zone that holds an instant.
 *
 * A day of a zone may last 23 or 25 hours, and may begin at one o'clock where midnight does not exist; so
 * the borders are asked of the zone's own rules (Intl), once a window, and remembered.
 */

type Unit = 'hour' | 'day' | 'week' | 'month' | 'year'

interface CalendarWindow {
  /** First instant of the window, in milliseconds since the epoch. */
  readonly start: number
  /** First instant of the next window. */
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
 * @throws RangeError for a period that is no unit of the calendar, or an unknown time zone.
 */
export function checkCalendar(period: number, timeZone: string): void {
  if (!UNIT_OF_PERIOD.has(period)) {
    throw new OptionRangeError(
      ['period'],
      `a calendar window is one hour, day, week, month or year, not ${period} ms`,
    )
  }
  try {
    formatterFor(timeZone)
  } catch {
    throw new OptionRangeError(
      ['timeZone'],
      `unknown time zone '${String(timeZone).slice(0, 60)}'; write an IANA name such as 'Europe/Berlin'`,
    )
  }
}

/** The window of the calendar that holds `now` (milliseconds since the epoch). */
export function calendarWindow(now: number, period: number, timeZone = 'UTC'): CalendarWindow {
  const cacheKey = `${timeZone} ${period}`
  const recent = recentWindows.get(cacheKey)
  if (recent !== undefined && recent.start <= now && now < recent.end) return recent
  const unit = UNIT_OF_PERIOD.get(period)
  if (unit === undefined) throw new RangeError(`no unit of the calendar has ${period} ms`)
  const window = computeWindow(now, unit, timeZone)
  recentWindows.set(cacheKey, window)
  return window
}

/** One entry a limit in use: as many as the configuration has, not as the clients are. */
const recentWindows = new Map<string, CalendarWindow>()

function computeWindow(now: number, unit: Unit, timeZone: string): CalendarWindow {
  if (unit === 'hour') return hourWindow(Math.floor(now), timeZone)
  const local = new Date(now + offsetAt(now, timeZone))
  const [year, month, day] = [local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate()]
  const sinceMonday = (local.getUTCDay() + 6) % 7
  const borders: Record<Exclude<Unit, 'hour'>, [number, number]> = {
    day: [Date.UTC(year, month, day), Date.UTC(year, month, day + 1)],
    week: [Date.UTC(year, month, day - sinceMonday), Date.UTC(year, month, day - sinceMonday + 7)],
    month: [Date.UTC(year, month, 1), Date.UTC(year, month + 1, 1)],
    year: [Date.UTC(year, 0, 1), Date.UTC(year + 1, 0, 1)],
  }
  const [start, end] = borders[unit]
  return { start: firstInstantAt(start, timeZone), end: firstInstantAt(end, timeZone) }
}

/**
 * The hour of a zone. Where its clocks change by a part of an hour, what is left of an hour joins the next one: with windows
 * of at least an hour no more than two of them lie in any hour, as the bound says.
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

/** For how long the zone's clocks show the hour that they show now; an hour that they show twice is two. */
function shownHour(now: number, timeZone: string): CalendarWindow {
  const offset = offsetAt(now, timeZone)
  const start = Math.floor((now + offset) / HOUR) * HOUR - offset
  return {
    start: shownSince(start, now, offset, timeZone),
    end: shownUntil(start + HOUR, now, offset, timeZone),
  }
}

/** @param start when the hour would have begun, had the clocks not been changed since */
function shownSince(start: number, now: number, offset: number, timeZone: string): number {
  if (offsetAt(start, timeZone) === offset) return start
  const change = firstInstant(start, now, (instant) => offsetAt(instant, timeZone) === offset)
  const before = offsetAt(change - 1, timeZone)
  const isAnotherHour = Math.floor((change - 1 + before) / HOUR) !== Math.floor((change + offset) / HOUR)
  if (isAnotherHour || (change + offset) % HOUR === 0) return change
  return Math.floor((change - 1 + before) / HOUR) * HOUR - before
}

/** @param end when the hour would end, should the clocks not be changed before */
function shownUntil(end: number, now: number, offset: number, timeZone: string): number {
  if (offsetAt(end - 1, timeZone) === offset) {
    // The clocks may be set back at the very end, by a part of the hour: then they go on to show it.
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

/** The first instant in (early, late] for which this is so; it is so for `late`. */
function firstInstant(early: number, late: number, isSo: (instant: number) => boolean): number {
  let [tooEarly, found] = [early, late]
  while (found - tooEarly > 1) {
    const middle = Math.floor((tooEarly + found) / 2)
    if (isSo(middle)) found = middle
    else tooEarly = middle
  }
  return found
}

/** The first instant at which the zone's clocks show `local` (a wall time as if it were UTC) or later. */
function firstInstantAt(local: number, timeZone: string): number {
  const before = local - offsetAt(local - DAY, timeZone)
  const after = local - offsetAt(local + DAY, timeZone)
  // Where the clocks change in between, one of the two candidates may show an earlier wall time: it is too early.
  const candidates = [before, after].sort((a, b) => a - b)
  for (const candidate of candidates) {
    if (candidate + offsetAt(candidate, timeZone) >= local) return firstShowing(local, candidate, timeZone)
  }
  return Math.max(before, after)
}

/** Where midnight is skipped, the candidate lies after the gap by as much as was skipped; the day began at the gap. */
function firstShowing(local: number, candidate: number, timeZone: string): number {
  if (candidate + offsetAt(candidate, timeZone) === local) return candidate
  return firstInstant(candidate - DAY, candidate, (instant) => instant + offsetAt(instant, timeZone) >= local)
}

/** What the zone adds to UTC at an instant, in milliseconds. */
function offsetAt(instant: number, timeZone: string): number {
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
