// Compact formats for numbers and times.

const integer = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })

/** Formats a count: `1,243`. Counts of 100,000 or more are abbreviated: `1.2M`. */
export function count(value: number): string {
  return Math.abs(value) < 100_000 ? integer.format(value) : compact.format(value)
}

const cents = new Intl.NumberFormat('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 })

/**
 * Formats an amount of money: `1,234.57 USD`, `0.000125 USD`. Amounts of one or more have two decimals.
 *
 * @param amount a decimal number, such as `12.34`
 */
export function money(amount: string, currency: string): string {
  return `${Number(amount) >= 1 ? cents.format(Number(amount)) : amount} ${currency}`
}

/** Formats a rate per second: `0`, `0.4`, `12`, `3.4K`. */
export function rate(value: number): string {
  if (value === 0) return '0'
  if (value < 0.05) return '<0.1'
  if (value < 9.95) return value.toFixed(1)
  return value < 1000 ? value.toFixed(0) : compact.format(value)
}

/** Formats a rate with its unit: `3.4/s`. */
export function perSecondLabel(value: number): string {
  return `${rate(value)}/s`
}

/** Formats tokens per minute with their unit: `1.2K/min`. */
export function perMinuteLabel(value: number): string {
  return `${rate(value)}/min`
}

/** Formats a value on an axis. */
export function tick(value: number): string {
  return value < 1000 ? String(Number(value.toFixed(2))) : compact.format(value)
}

/** Formats remaining units, rounded down. */
export function units(value: number): string {
  return count(Math.floor(value))
}

/** Formats a fraction as a percentage: `0 %`, `<1 %`, `43 %`. */
export function percent(fraction: number): string {
  if (fraction > 0 && fraction < 0.01) return '<1 %'
  return `${Math.min(Math.floor(fraction * 100), 999)} %`
}

/**
 * Formats a duration: `85 µs`, `3.4 s`, `2 min 5 s`.
 *
 * @param milliseconds null for never
 */
export function duration(milliseconds: number | null): string {
  if (milliseconds === null) return 'never'
  if (milliseconds === 0) return '0'
  if (milliseconds < 1) return `${significant(milliseconds * 1000)} µs`
  if (milliseconds < 1000) return `${significant(milliseconds)} ms`
  return longDuration(milliseconds / 1000)
}

/** Formats a waiting time, rounded up like `Retry-After` so that a retry is never too early. */
export function wait(milliseconds: number | null): string {
  return milliseconds === null ? 'never' : longDuration(Math.ceil(milliseconds / 1000), Math.ceil)
}

/** Formats a date and a time of day in the local time zone. */
export function moment(epochMilliseconds: number): string {
  return new Date(epochMilliseconds).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' })
}

/** Formats a time of day in the local time zone. */
export function timeOfDay(epochMilliseconds: number): string {
  return clock.format(epochMilliseconds)
}

function longDuration(seconds: number, round: (value: number) => number = Math.floor): string {
  if (seconds < 60) return `${significant(seconds)} s`
  if (seconds < 3600) return twoParts(round(seconds), 60, 'min', 's')
  if (seconds < 86_400) return twoParts(round(seconds / 60), 60, 'h', 'min')
  return twoParts(round(seconds / 3600), 24, 'd', 'h')
}

/**
 * Formats a duration in two units: `2 min 5 s`.
 *
 * @param value a whole number of small units
 */
function twoParts(value: number, size: number, large: string, small: string): string {
  const rest = value % size
  const first = `${Math.floor(value / size)} ${large}`
  return rest === 0 ? first : `${first} ${rest} ${small}`
}

function significant(value: number): string {
  return value < 10 ? String(Number(value.toFixed(1))) : value.toFixed(0)
}
