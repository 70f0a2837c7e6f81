import { currencyOf, type Limit, type TokenBucketLimit } from './limit.js'
import { formatMoney } from './money.js'

const UNITS: readonly (readonly [name: string, milliseconds: number])[] = [
  ['year', 31_536_000_000],
  ['month', 2_592_000_000],
  ['week', 604_800_000],
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
]

/**
 * Formats a limit: `10/minute`, `5 per 5 minutes`, `10/minute burst 20`, `10/minute initial 0`,
 * `20 USD/day`, `4 concurrent`. Except for concurrency limits and fractional capacities,
 * `parseLimits` with the same options parses the string back to an equal limit.
 */
export function formatLimit(limit: Limit): string {
  if (limit.algorithm === 'concurrency') return `${limit.limit} concurrent`
  const period = formatPeriod(limit.period)
  const bucket = limit.algorithm === 'token-bucket' ? formatBucket(limit) : ''
  const amount = formatAmount(limit.limit, limit)
  return `${amount}${/^\d/.test(period) ? ' per ' : '/'}${period}${bucket}`
}

function formatBucket(bucket: TokenBucketLimit): string {
  const { limit, burst, initial } = bucket
  const burstText = burst === limit ? '' : ` burst ${formatAmount(burst, bucket)}`
  return burstText + (initial === undefined ? '' : ` initial ${formatAmount(initial, bucket)}`)
}

/** Formats units of a limit: `10`, or an amount of money such as `12.34 USD`. */
export function formatAmount(units: number, limit: Limit): string {
  const currency = currencyOf(limit)
  return currency === undefined ? String(units) : formatMoney(units, currency)
}

/** Formats a period for use after "per": `minute`, `5 minutes`, `1500 ms`. */
export function formatPeriod(milliseconds: number): string {
  for (const [name, length] of UNITS) {
    if (milliseconds === length) return name
    if (milliseconds % length === 0) return `${milliseconds / length} ${name}s`
  }
  return `${milliseconds} ms`
}

/** Units used in durations. Weeks and months are omitted because days are easier to compare. */
const PARTS = UNITS.filter(([name]) => ['day', 'hour', 'minute', 'second'].includes(name))

/** Formats a duration exactly: `200 ms`, `1 minute 30 seconds`, `30 days`. */
export function formatDuration(milliseconds: number): string {
  const parts: string[] = []
  let rest = milliseconds
  for (const [name, length] of PARTS) {
    const count = Math.floor(rest / length)
    rest -= count * length
    if (count > 0) parts.push(withUnit(count, name))
  }
  // The subtractions add rounding errors, so the rest is rounded to the nanosecond.
  rest = Math.round(rest * 1e6) / 1e6
  return rest > 0 || parts.length === 0 ? [...parts, `${rest} ms`].join(' ') : parts.join(' ')
}

/**
 * Formats the time until a retry: `6 seconds`, `2 minutes 1 second`, `30 days`. Times below an hour
 * are rounded up to seconds, times below a day to minutes, and longer times to hours. The result is
 * at least one second, like `Retry-After`.
 */
export function formatWait(milliseconds: number): string {
  const wholeSeconds = Math.max(1, ceilToUnit(milliseconds)) * 1000
  const largest = PARTS.findIndex(([, length]) => wholeSeconds >= length)
  const [, precision] = PARTS[largest + 1] ?? SECOND
  return formatDuration(ceilToUnit(wholeSeconds, precision) * precision)
}

const SECOND = ['second', 1000] as const

function withUnit(count: number, name: string): string {
  return `${count} ${name}${count === 1 ? '' : 's'}`
}

/**
 * Tolerated rounding error, in milliseconds. As doubles, epoch times in milliseconds are 0.25 µs
 * apart.
 */
const TOLERANCE_MS = 0.001

/** Rounds a time up to whole units, tolerating rounding errors: 60000.0000001 ms is 60 seconds. */
export function ceilToUnit(milliseconds: number, unit = 1000): number {
  return Math.ceil(Math.max(0, milliseconds - TOLERANCE_MS) / unit)
}
