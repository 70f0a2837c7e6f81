import { OptionRangeError, OptionTypeError } from '../option-error.js'
import { checkCalendar } from '../time/calendar.js'

/**
 * A limit is a bound: an algorithm, a capacity and a period.
 *
 * All times are milliseconds. A limit is plain, frozen data: it can be compared, sent and stored. What it
 * means is in the file of its algorithm.
 */
export type Limit =
  | TokenBucketLimit
  | FixedWindowLimit
  | SlidingWindowLimit
  | SlidingLogLimit
  | ConcurrencyLimit

export type AlgorithmName = Limit['algorithm']

/** `limit` per `period` on average, and at most `burst` at once. Fractions can be counted. */
export interface TokenBucketLimit {
  readonly algorithm: 'token-bucket'
  readonly limit: number
  readonly period: number
  readonly burst: number
}

/** At most `limit` in each window. */
export interface FixedWindowLimit {
  readonly algorithm: 'fixed-window'
  readonly limit: number
  readonly period: number
  /** `first-request` (default): a window opens with the first request. `calendar`: hours, days, weeks, months or years. */
  readonly align?: 'first-request' | 'calendar'
  /** IANA name of the zone whose calendar counts; default `UTC`. Only with `align: 'calendar'`. */
  readonly timeZone?: string
}

/** About `limit` in every trailing period, from two counters. */
export interface SlidingWindowLimit {
  readonly algorithm: 'sliding-window'
  readonly limit: number
  readonly period: number
}

/** At most `limit` in every trailing period, exactly, at the price of one entry a request. */
export interface SlidingLogLimit {
  readonly algorithm: 'sliding-log'
  readonly limit: number
  readonly period: number
}

/** At most `limit` in flight. Each holds a lease of `lease` milliseconds, which it renews while it runs. */
export interface ConcurrencyLimit {
  readonly algorithm: 'concurrency'
  readonly limit: number
  readonly lease: number
}

/** The shortest period, in milliseconds. */
export const MIN_PERIOD = 1
/** The longest period, in milliseconds: ten years of 365 days. */
export const MAX_PERIOD = 10 * 365 * 86_400_000

/** The lease of a `concurrency` limit that states none, in milliseconds. */
export const DEFAULT_LEASE = 30_000

const ALGORITHMS: readonly string[] = [
  'token-bucket',
  'fixed-window',
  'sliding-window',
  'sliding-log',
  'concurrency',
] satisfies AlgorithmName[]

const FIELDS: Record<AlgorithmName, readonly string[]> = {
  'token-bucket': ['limit', 'period', 'burst'],
  'fixed-window': ['limit', 'period', 'align', 'timeZone'],
  'sliding-window': ['limit', 'period'],
  'sliding-log': ['limit', 'period'],
  concurrency: ['limit', 'lease'],
}

/**
 * Checks a limit that somebody wrote and returns it frozen.
 *
 * @throws TypeError where a field is missing, unknown or not a number.
 * @throws RangeError where a number is out of its range: a capacity of zero, a period under 1 ms or over ten
 *   years, a fraction where the algorithm counts whole units.
 */
export function checkLimit(limit: Limit): Limit {
  if (limit === null || typeof limit !== 'object') {
    throw new OptionTypeError(
      [],
      `a limit is an object such as { algorithm: 'token-bucket', limit: 10, period: 60000, burst: 10 }, not ${show(limit)}`,
    )
  }
  if (!ALGORITHMS.includes(limit.algorithm)) {
    throw new OptionTypeError(
      ['algorithm'],
      `unknown algorithm ${show(limit.algorithm)}; it is one of ${ALGORITHMS.join(', ')}`,
    )
  }
  for (const field of Object.keys(limit)) {
    if (field !== 'algorithm' && !FIELDS[limit.algorithm].includes(field)) {
      throw new OptionTypeError(
        [field],
        `a ${limit.algorithm} limit has no '${field}'; it has ${FIELDS[limit.algorithm].join(', ')}`,
        'unknown_option',
      )
    }
  }
  checkCapacity('limit', limit.limit, limit.algorithm === 'token-bucket')
  if (limit.algorithm === 'concurrency') checkPeriod('lease', limit.lease)
  else checkPeriod('period', limit.period)
  if (limit.algorithm === 'token-bucket') checkCapacity('burst', limit.burst, true)
  if (limit.algorithm === 'fixed-window') checkAlignment(limit)
  return Object.freeze({ ...limit })
}

/** Whether two limits say the same. */
export function sameLimit(a: Limit, b: Limit): boolean {
  if (a === b) return true
  if (a.algorithm !== b.algorithm || a.limit !== b.limit) return false
  if (a.algorithm === 'concurrency') return a.lease === (b as ConcurrencyLimit).lease
  if (a.period !== (b as typeof a).period) return false
  if (a.algorithm === 'token-bucket') return a.burst === (b as TokenBucketLimit).burst
  if (a.algorithm === 'fixed-window') return sameAlignment(a, b as FixedWindowLimit)
  return true
}

/** Whether two fixed windows open and close by the same rule. */
function sameAlignment(a: FixedWindowLimit, b: FixedWindowLimit): boolean {
  return (
    (a.align ?? 'first-request') === (b.align ?? 'first-request') &&
    (a.timeZone ?? 'UTC') === (b.timeZone ?? 'UTC')
  )
}

/** Whether a limit counts in the calendar's time and not in the time that merely goes by. */
export function usesWallTime(limit: Limit): boolean {
  return limit.algorithm === 'fixed-window' && limit.align === 'calendar'
}

/** Whether one state serves both limits: they count the same units over the same windows, whatever their capacities. */
export function hasCompatibleState(a: Limit, b: Limit): boolean {
  if (a === b) return true
  if (a.algorithm === 'fixed-window' && b.algorithm === 'fixed-window')
    return a.period === b.period && sameAlignment(a, b)
  if (a.algorithm === 'sliding-window' && b.algorithm === 'sliding-window') return a.period === b.period
  return a.algorithm === b.algorithm
}

/** Whether a limit counts slots, which are held and released, and not units, which are used up. */
export function countsSlots(limit: Limit): limit is ConcurrencyLimit {
  return limit.algorithm === 'concurrency'
}

/** The most that one request can ever take from a limit. */
export function capacityOf(limit: Limit): number {
  return limit.algorithm === 'token-bucket' ? limit.burst : limit.limit
}

/**
 * Checks the cost of a charge.
 *
 * @throws TypeError where it is not a number.
 * @throws RangeError where it is negative, not finite, or a fraction where the algorithm counts whole units.
 */
export function checkCost(limit: Limit, cost: number): void {
  if (typeof cost !== 'number') throw new TypeError(`a cost is a number, not ${show(cost)}`)
  if (!Number.isFinite(cost) || cost < 0)
    throw new RangeError(`a cost is zero or more and finite, not ${cost}`)
  if (limit.algorithm !== 'token-bucket' && !Number.isInteger(cost)) {
    throw new RangeError(
      `a ${limit.algorithm} limit counts whole units, not ${cost}; round it, or use a token-bucket`,
    )
  }
}

/**
 * Counters are floating-point numbers, and a sum of fractions that should be exactly the limit may come out a
 * hair above it. Whoever fits to within one part in 10^12 fits, but never by a whole unit.
 */
export function fits(used: number, capacity: number): boolean {
  return used <= mostThatFits(capacity)
}

/** What `fits` compares with. */
export function mostThatFits(capacity: number): number {
  return capacity + Math.min(capacity * 1e-12, 0.25)
}

/** Whole units that are left of a capacity; never negative, and not one too few by a rounding error. */
export function wholeUnitsLeft(used: number, capacity: number): number {
  const left = capacity - used
  return Math.max(0, Math.floor(left + Math.min(left * 1e-12 + 1e-9, 0.25)))
}

function checkCapacity(field: string, value: number, fractions: boolean): void {
  if (typeof value !== 'number')
    throw new OptionTypeError([field], `'${field}' is a number, not ${show(value)}`)
  if (!(value > 0) || value > Number.MAX_SAFE_INTEGER) {
    throw new OptionRangeError([field], `'${field}' is more than zero and at most 2^53 - 1, not ${value}`)
  }
  if (!fractions && !Number.isInteger(value))
    throw new OptionRangeError([field], `'${field}' is a whole number here, not ${value}`)
}

function checkPeriod(field: string, value: number): void {
  if (typeof value !== 'number')
    throw new OptionTypeError([field], `'${field}' is a number of milliseconds, not ${show(value)}`)
  if (!(value >= MIN_PERIOD && value <= MAX_PERIOD)) {
    throw new OptionRangeError(
      [field],
      `'${field}' is between ${MIN_PERIOD} ms and ten years (${MAX_PERIOD} ms), not ${value}`,
    )
  }
}

function checkAlignment(limit: FixedWindowLimit): void {
  const align = limit.align ?? 'first-request'
  if (align !== 'first-request' && align !== 'calendar') {
    throw new OptionTypeError(['align'], `'align' is 'first-request' or 'calendar', not ${show(align)}`)
  }
  if (align === 'first-request') {
    if (limit.timeZone !== undefined)
      throw new OptionTypeError(['timeZone'], `'timeZone' goes with align: 'calendar'`, 'calendar_only')
    return
  }
  checkCalendar(limit.period, limit.timeZone ?? 'UTC')
}

function show(value: unknown): string {
  return typeof value === 'string' ? `'${value.slice(0, 60)}'` : String(value)
}
