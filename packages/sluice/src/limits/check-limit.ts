import { OptionRangeError, OptionTypeError } from '../option-error.js'
import { checkCalendar } from '../time/calendar.js'
import {
  type AlgorithmName,
  currencyOf,
  type FixedWindowLimit,
  type Limit,
  MAX_PERIOD,
  MIN_PERIOD,
  type TokenBucketLimit,
} from './limit.js'
import { isCurrency } from './money.js'

const ALGORITHMS: readonly string[] = [
  'token-bucket',
  'fixed-window',
  'sliding-window',
  'sliding-log',
  'concurrency',
] satisfies AlgorithmName[]

const FIELDS: Record<AlgorithmName, readonly string[]> = {
  'token-bucket': ['limit', 'period', 'burst', 'initial', 'currency'],
  'fixed-window': ['limit', 'period', 'align', 'timeZone', 'currency'],
  'sliding-window': ['limit', 'period', 'currency'],
  'sliding-log': ['limit', 'period', 'currency'],
  concurrency: ['limit', 'lease'],
}

/**
 * Validates a limit supplied by the caller and returns a frozen copy.
 *
 * @throws TypeError if a field is missing, unknown or of the wrong type.
 * @throws RangeError if a number is out of range: a capacity of zero, a period under 1 ms or over
 *   ten years, or a fraction for an algorithm that counts whole units or for a limit on money.
 */
export function checkLimit(limit: Limit): Limit {
  if (limit === null || typeof limit !== 'object') {
    throw new OptionTypeError(
      [],
      `a limit must be an object such as { algorithm: 'token-bucket', limit: 10, period: 60000, burst: 10 }, not ${show(limit)}`,
    )
  }
  if (!ALGORITHMS.includes(limit.algorithm)) {
    throw new OptionTypeError(
      ['algorithm'],
      `unknown algorithm ${show(limit.algorithm)}; use ${ALGORITHMS.slice(0, -1).join(', ')} or ${ALGORITHMS.at(-1)}`,
    )
  }
  for (const field of Object.keys(limit)) {
    if (field !== 'algorithm' && !FIELDS[limit.algorithm].includes(field)) {
      throw new OptionTypeError(
        [field],
        `a ${limit.algorithm} limit has no '${field}'; its fields are ${FIELDS[limit.algorithm].join(', ')}`,
        'unknown_option',
      )
    }
  }
  checkCurrency(limit)
  checkCapacity('limit', limit.limit, limit)
  if (limit.algorithm === 'concurrency') checkPeriod('lease', limit.lease)
  else checkPeriod('period', limit.period)
  if (limit.algorithm === 'token-bucket') {
    checkCapacity('burst', limit.burst, limit)
    if (limit.initial !== undefined) return checkInitial(limit)
  }
  if (limit.algorithm === 'fixed-window') checkAlignment(limit)
  return Object.freeze({ ...limit })
}

/**
 * Validates the cost of a charge.
 *
 * @throws TypeError if it is not a number.
 * @throws RangeError if it is negative, not finite, or a fraction for an algorithm that counts
 *   whole units, or for a limit on money.
 */
export function checkCost(limit: Limit, cost: number): void {
  if (typeof cost !== 'number') throw new TypeError(`a cost must be a number, not ${show(cost)}`)
  if (!Number.isFinite(cost) || cost < 0)
    throw new RangeError(`a cost must be finite and at least 0, not ${cost}`)
  const currency = currencyOf(limit)
  if (currency !== undefined && !Number.isSafeInteger(cost)) {
    throw new RangeError(
      `a cost in money must be a whole number of units of 10^-9 ${currency} below 2^53, not ${cost}; 'priceOf' returns one`,
    )
  }
  if (limit.algorithm !== 'token-bucket' && !Number.isInteger(cost)) {
    throw new RangeError(
      `a cost must be a whole number, not ${cost}: a ${limit.algorithm} limit counts whole units; round the cost or use the algorithm token-bucket`,
    )
  }
}

function checkCurrency(limit: Limit): void {
  const currency = currencyOf(limit)
  if (currency !== undefined && !isCurrency(currency))
    throw new OptionTypeError(
      ['currency'],
      `'currency' must be a code of three capital letters such as 'USD', not ${show(currency)}`,
    )
}

function checkCapacity(field: string, value: number, { algorithm, ...limit }: Limit): void {
  if (typeof value !== 'number')
    throw new OptionTypeError([field], `'${field}' must be a number, not ${show(value)}`)
  if (!(value > 0) || value > Number.MAX_SAFE_INTEGER) {
    throw new OptionRangeError(
      [field],
      `'${field}' must be greater than 0 and at most 2^53 - 1, not ${value}`,
    )
  }
  if ('currency' in limit && !Number.isInteger(value))
    throw new OptionRangeError(
      [field],
      `'${field}' of a limit on money must be whole units of 10^-9 ${limit.currency}, not ${value}`,
    )
  if (algorithm !== 'token-bucket' && !Number.isInteger(value))
    throw new OptionRangeError(
      [field],
      `'${field}' of a ${algorithm} limit must be a whole number, not ${value}`,
    )
}

/** Returns a frozen copy, without an `initial` that equals the burst, its default. */
function checkInitial({ initial, ...limit }: TokenBucketLimit): TokenBucketLimit {
  if (typeof initial !== 'number')
    throw new OptionTypeError(['initial'], `'initial' must be a number, not ${show(initial)}`)
  if (!(initial >= 0 && initial <= limit.burst)) {
    throw new OptionRangeError(
      ['initial'],
      `'initial' must be at least 0 and at most the burst of ${limit.burst}, not ${initial}`,
    )
  }
  return Object.freeze(initial === limit.burst ? limit : { ...limit, initial })
}

function checkPeriod(field: string, value: number): void {
  if (typeof value !== 'number')
    throw new OptionTypeError([field], `'${field}' must be a number of milliseconds, not ${show(value)}`)
  if (!(value >= MIN_PERIOD && value <= MAX_PERIOD)) {
    throw new OptionRangeError(
      [field],
      `'${field}' must be between ${MIN_PERIOD} ms and ten years (${MAX_PERIOD} ms), not ${value}`,
    )
  }
}

function checkAlignment(limit: FixedWindowLimit): void {
  const align = limit.align ?? 'first-request'
  if (align !== 'first-request' && align !== 'calendar') {
    throw new OptionTypeError(['align'], `'align' must be 'first-request' or 'calendar', not ${show(align)}`)
  }
  if (align === 'first-request') {
    if (limit.timeZone !== undefined)
      throw new OptionTypeError(['timeZone'], `'timeZone' requires align: 'calendar'`, 'calendar_only')
    return
  }
  checkCalendar(limit.period, limit.timeZone ?? 'UTC')
}

function show(value: unknown): string {
  return typeof value === 'string' ? `'${value.slice(0, 60)}'` : String(value)
}
