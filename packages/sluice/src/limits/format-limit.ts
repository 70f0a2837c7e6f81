import type { Limit } from './limit.js'

/** A limit as people read it. */

const UNITS: readonly (readonly [name: string, milliseconds: number])[] = [
  ['year', 31_536_000_000],
  ['month', 2_592_000_000],
  ['week', 604_800_000],
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
]

/** `10/minute`, `5 per 5 minutes`, `10/minute burst 20`, `4 concurrent`: a limit string that parses to the same limit. */
export function formatLimit(limit: Limit): string {
  if (limit.algorithm === 'concurrency') return `${limit.limit} concurrent`
  const period = formatPeriod(limit.period)
  const burst =
    limit.algorithm === 'token-bucket' && limit.burst !== limit.limit ? ` burst ${limit.burst}` : ''
  return `${limit.limit}${/^\d/.test(period) ? ' per ' : '/'}${period}${burst}`
}

/** `minute`, `5 minutes`, `1500 ms`: for use behind "per". */
export function formatPeriod(milliseconds: number): string {
  for (const [name, length] of UNITS) {
    if (milliseconds === length) return name
    if (milliseconds % length === 0) return `${milliseconds / length} ${name}s`
  }
  return `${milliseconds} ms`
}

/** Units in which lengths of time add up; weeks and months would hide how many days they are. */
const PARTS = UNITS.filter(([name]) => ['day', 'hour', 'minute', 'second'].includes(name))

/** `200 ms`, `1 minute 30 seconds`, `30 days`: a length of time, exactly. */
export function formatDuration(milliseconds: number): string {
  const parts: string[] = []
  let rest = milliseconds
  for (const [name, length] of PARTS) {
    const count = Math.floor(rest / length)
    rest -= count * length
    if (count > 0) parts.push(counted(count, name))
  }
  // A fraction loses a few bits when whole units are taken off; durations are written to the nanosecond.
  rest = Math.round(rest * 1e6) / 1e6
  return rest > 0 || parts.length === 0 ? [...parts, `${rest} ms`].join(' ') : parts.join(' ')
}

/**
 * `6 seconds`, `2 minutes 1 second`, `30 days`: when to come back. Never too early: it is rounded up, to whole seconds
 * below an hour, to minutes below a day, and to hours from there on. At least one second, as `Retry-After` is.
 */
export function formatWait(milliseconds: number): string {
  const wholeSeconds = Math.max(1, roundedUp(milliseconds)) * 1000
  const largest = PARTS.findIndex(([, length]) => wholeSeconds >= length)
  const [, precision] = PARTS[largest + 1] ?? SECOND
  return formatDuration(roundedUp(wholeSeconds, precision) * precision)
}

const SECOND = ['second', 1000] as const

function counted(count: number, name: string): string {
  return `${count} ${name}${count === 1 ? '' : 's'}`
}

/** The imprecision of times since the epoch, in milliseconds: as numbers they are a quarter of a microsecond apart. */
const IMPRECISION = 0.001

/** A time in whole units, rounded up: a minute that a clock makes 60000.0000001 ms is 60 seconds and not 61. */
export function roundedUp(milliseconds: number, unit = 1000): number {
  return Math.ceil(Math.max(0, milliseconds - IMPRECISION) / unit)
}
