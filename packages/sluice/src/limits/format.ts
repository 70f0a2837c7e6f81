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

/** `10/minute`, `5/300 seconds`, `10/minute burst 20`, `4 concurrent`. */
export function formatLimit(limit: Limit): string {
  if (limit.algorithm === 'concurrency') return `${limit.limit} concurrent`
  const burst =
    limit.algorithm === 'token-bucket' && limit.burst !== limit.limit ? ` burst ${limit.burst}` : ''
  return `${limit.limit}/${formatPeriod(limit.period)}${burst}`
}

/** `minute`, `5 minutes`, `1500 ms`: for use behind "per". */
export function formatPeriod(milliseconds: number): string {
  for (const [name, length] of UNITS) {
    if (milliseconds === length) return name
    if (milliseconds % length === 0) return `${milliseconds / length} ${name}s`
  }
  return `${milliseconds} ms`
}

/** `6 seconds`, `3 hours`: how long to wait, rounded up to something that is easy to say. */
export function formatWait(milliseconds: number): string {
  const unit = UNITS.find(([, length]) => milliseconds >= 2 * length) ?? (['second', 1000] as const)
  const count = Math.max(1, roundedUp(milliseconds, unit[1]))
  return `${count} ${unit[0]}${count === 1 ? '' : 's'}`
}

/** The imprecision of times since the epoch, in milliseconds: as numbers they are a quarter of a microsecond apart. */
const IMPRECISION = 0.001

/** A time in whole units, rounded up: a minute that a clock makes 60000.0000001 ms is 60 seconds and not 61. */
export function roundedUp(milliseconds: number, unit = 1000): number {
  return Math.ceil(Math.max(0, milliseconds - IMPRECISION) / unit)
}
