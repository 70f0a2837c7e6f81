/**
 * A bound on usage: an algorithm, a capacity and a period.
 *
 * All times are in milliseconds. With `currency`, all amounts are whole units of 10^-9 of it. A limit is plain, frozen data that can be compared, sent and
 * stored. Each algorithm's file documents its guarantees.
 */
export type Limit =
  | TokenBucketLimit
  | FixedWindowLimit
  | SlidingWindowLimit
  | SlidingLogLimit
  | ConcurrencyLimit

export type AlgorithmName = Limit['algorithm']

/** `limit` per `period` on average, and at most `burst` at once. Fractions are allowed. */
export interface TokenBucketLimit {
  readonly algorithm: 'token-bucket'
  readonly limit: number
  readonly period: number
  readonly burst: number
  /**
   * The units that a new key starts with, from 0 to `burst`. The bucket fills from the first
   * request on, even if that is refused. A key is new again after `reset`, and once its bucket has
   * been full, with nothing taken, for as long as an empty bucket takes to fill. Default: `burst`.
   */
  readonly initial?: number
  /** The code of a currency, such as `USD`. Only for `of: 'money'`. */
  readonly currency?: string
}

/** At most `limit` in each window. */
export interface FixedWindowLimit {
  readonly algorithm: 'fixed-window'
  readonly limit: number
  readonly period: number
  /**
   * `first-request` (default): a window opens with the first request. `calendar`: windows are
   * hours, days, weeks, months or years.
   */
  readonly align?: 'first-request' | 'calendar'
  /** IANA name of the time zone of the calendar; default `UTC`. Requires `align: 'calendar'`. */
  readonly timeZone?: string
  /** The code of a currency, such as `USD`. Only for `of: 'money'`. */
  readonly currency?: string
}

/** About `limit` in every trailing period, estimated from two counters. */
export interface SlidingWindowLimit {
  readonly algorithm: 'sliding-window'
  readonly limit: number
  readonly period: number
  /** The code of a currency, such as `USD`. Only for `of: 'money'`. */
  readonly currency?: string
}

/** Never more than `limit` in any trailing period. Stores one entry per request. */
export interface SlidingLogLimit {
  readonly algorithm: 'sliding-log'
  readonly limit: number
  readonly period: number
  /** The code of a currency, such as `USD`. Only for `of: 'money'`. */
  readonly currency?: string
}

/**
 * At most `limit` in flight. Each request holds a lease of `lease` milliseconds and renews it while
 * it runs.
 */
export interface ConcurrencyLimit {
  readonly algorithm: 'concurrency'
  readonly limit: number
  readonly lease: number
}

/** The shortest period, in milliseconds. */
export const MIN_PERIOD = 1
/** The longest period, in milliseconds: ten years of 365 days. */
export const MAX_PERIOD = 10 * 365 * 86_400_000

/** The default lease of a `concurrency` limit, in milliseconds. */
export const DEFAULT_LEASE = 30_000

/** Returns the maximum cost that a limit can ever admit for one request. */
export function capacityOf(limit: Limit): number {
  return limit.algorithm === 'token-bucket' ? limit.burst : limit.limit
}

/**
 * Reports whether a limit counts slots, which are held and released, instead of units, which are
 * spent.
 */
export function countsSlots(limit: Limit): limit is ConcurrencyLimit {
  return limit.algorithm === 'concurrency'
}

/** Reports whether a limit follows the calendar instead of a monotonic clock. */
export function usesWallTime(limit: Limit): boolean {
  return limit.algorithm === 'fixed-window' && limit.align === 'calendar'
}

/** Returns the currency of a limit on money; undefined for any other limit. */
export function currencyOf(limit: Limit): string | undefined {
  return limit.algorithm === 'concurrency' ? undefined : limit.currency
}

/** Reports whether two limits are equal. */
export function sameLimit(a: Limit, b: Limit): boolean {
  if (a === b) return true
  if (a.algorithm !== b.algorithm || a.limit !== b.limit || currencyOf(a) !== currencyOf(b)) return false
  if (a.algorithm === 'concurrency') return a.lease === (b as ConcurrencyLimit).lease
  if (a.period !== (b as typeof a).period) return false
  if (a.algorithm === 'token-bucket') {
    const { burst, initial } = b as TokenBucketLimit
    return a.burst === burst && a.initial === initial
  }
  if (a.algorithm === 'fixed-window') return sameAlignment(a, b as FixedWindowLimit)
  return true
}

/**
 * Reports whether two limits can share one state, regardless of their capacities: they use the same
 * algorithm and, if they count in windows, the same windows.
 */
export function hasCompatibleState(a: Limit, b: Limit): boolean {
  if (a === b) return true
  if (a.algorithm === 'fixed-window' && b.algorithm === 'fixed-window')
    return a.period === b.period && sameAlignment(a, b)
  if (a.algorithm === 'sliding-window' && b.algorithm === 'sliding-window') return a.period === b.period
  return a.algorithm === b.algorithm
}

/** Reports whether two fixed-window limits have the same alignment and time zone. */
function sameAlignment(a: FixedWindowLimit, b: FixedWindowLimit): boolean {
  return (
    (a.align ?? 'first-request') === (b.align ?? 'first-request') &&
    (a.timeZone ?? 'UTC') === (b.timeZone ?? 'UTC')
  )
}
