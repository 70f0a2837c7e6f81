import { OptionRangeError } from '../option-error.js'

/** Milliseconds per unit. A month has 30 days and a year 365, because a duration has no date. */
const UNITS: ReadonlyMap<string, number> = new Map(
  Object.entries({
    ms: 1,
    s: 1000,
    sec: 1000,
    secs: 1000,
    second: 1000,
    seconds: 1000,
    m: 60_000,
    min: 60_000,
    mins: 60_000,
    minute: 60_000,
    minutes: 60_000,
    h: 3_600_000,
    hr: 3_600_000,
    hrs: 3_600_000,
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

/** The units, as listed in error messages. */
export const UNIT_NAMES =
  'ms, s, sec(s), second(s), m, min(s), minute(s), h, hr(s), hour(s), d, day(s), w, week(s), month(s), year(s)'

/**
 * Returns the length of a unit in milliseconds, or undefined for an unknown unit. Case does not
 * matter, except that `M` is not a unit: it could mean minutes or months.
 */
export function millisecondsIn(unit: string): number | undefined {
  return unit === 'M' ? undefined : UNITS.get(unit.toLowerCase())
}

/**
 * Multiplies an amount by a unit and removes rounding errors such as 2.3 × 1000 =
 * 2299.9999999999995.
 */
export function toMilliseconds(amount: number, unit: number): number {
  const length = amount * unit
  return Number.isInteger(length) ? length : Math.round(length * 1e6) / 1e6
}

/**
 * Parses a duration such as `250ms`, `60s`, `1.5 minutes` or `1d`.
 *
 * @param value a string, or a number of milliseconds
 * @returns milliseconds, greater than zero
 * @throws RangeError that shows valid examples.
 */
export function parseDuration(value: string | number): number {
  const match = /^\s*(\d{1,15}(?:\.\d{1,9})?)\s*([a-zA-Z]+)\s*$/.exec(String(value))
  const unit = match?.[2] === undefined ? undefined : millisecondsIn(match[2])
  const milliseconds =
    typeof value === 'number' ? value : toMilliseconds(Number(match?.[1]), unit ?? Number.NaN)
  if (!Number.isFinite(milliseconds) || milliseconds <= 0) {
    throw new OptionRangeError(
      [],
      `'${String(value).slice(0, 60)}' is not a duration; use a value such as 30s, 250ms or 2 minutes`,
    )
  }
  return milliseconds
}
