import { OptionRangeError } from '../option-error.js'

/** Lengths of time as people write them: `250ms`, `60s`, `1.5 minutes`, `1d`. */

/** Milliseconds in each unit. A month is 30 days and a year 365: a limit needs a length, not a date. */
const UNITS: ReadonlyMap<string, number> = new Map(
  Object.entries({
    ms: 1,
    s: 1000,
    sec: 1000,
    second: 1000,
    seconds: 1000,
    m: 60_000,
    min: 60_000,
    minute: 60_000,
    minutes: 60_000,
    h: 3_600_000,
    hour: 3_600_000,
    hours: 3_600_000,
    d: 86_400_000,
    day: 86_400_000,
    days: 86_400_000,
    w: 604_800_000,
    week: 604_800_000,
    weeks: 604_800_000,
    month: 2_592_000_000,
    months: 2_592_000_000,
    year: 31_536_000_000,
    years: 31_536_000_000,
  }),
)

/** What an error offers for choice. */
export const UNIT_NAMES =
  'ms, s, sec, second(s), m, min, minute(s), h, hour(s), d, day(s), w, week(s), month(s), year(s)'

/** Milliseconds in a unit; undefined for a word that is none. Case counts for nothing but in `M`, which is no unit. */
export function millisecondsIn(unit: string): number | undefined {
  return unit === 'M' ? undefined : UNITS.get(unit.toLowerCase())
}

/** An amount of a unit in milliseconds, without the rounding error of 2.3 × 1000 = 2299.9999999999995. */
export function lengthOf(amount: number, unit: number): number {
  const length = amount * unit
  return Number.isInteger(length) ? length : Math.round(length * 1e6) / 1e6
}

/**
 * Reads a length of time.
 *
 * @param value a string such as `30s`, or a number of milliseconds
 * @returns milliseconds, more than zero
 * @throws RangeError that says what would be right.
 */
export function parseDuration(value: string | number): number {
  const match = /^\s*(\d{1,15}(?:\.\d{1,9})?)\s*([a-zA-Z]+)\s*$/.exec(String(value))
  const unit = match?.[2] === undefined ? undefined : millisecondsIn(match[2])
  const milliseconds = typeof value === 'number' ? value : lengthOf(Number(match?.[1]), unit ?? Number.NaN)
  if (!Number.isFinite(milliseconds) || milliseconds <= 0) {
    throw new OptionRangeError(
      [],
      `'${String(value).slice(0, 60)}' is no length of time; write for example 30s, 250ms or 2 minutes`,
    )
  }
  return milliseconds
}
