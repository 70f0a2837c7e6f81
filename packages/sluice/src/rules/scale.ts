import { checkLimit } from '../limits/check-limit.js'
import type { Limit } from '../limits/limit.js'
import { type OptionPath, OptionRangeError, OptionTypeError } from '../option-error.js'

/**
 * A limit of `factor` times as much in the same time. Whole units stay whole, rounded down, but never below one: a scale says
 * how much may run, not that nothing may.
 *
 * Units that a key has used stay used, since the stores count in units whatever the limit.
 *
 * @param factor more than zero
 */
export function scaleLimit(limit: Limit, factor: number): Limit {
  if (factor === 1) return limit
  if (limit.algorithm === 'token-bucket')
    return checkLimit({ ...limit, limit: limit.limit * factor, burst: Math.max(1, limit.burst * factor) })
  // 100 times 0.29 is 28.999999999999996, and yet 29 was meant.
  return checkLimit({ ...limit, limit: Math.max(1, Math.floor(limit.limit * factor * (1 + 1e-12))) })
}

/** @throws TypeError, RangeError for what cannot scale a limit. */
export function checkFactor(factor: unknown, what: string, place: OptionPath): number {
  if (typeof factor !== 'number')
    throw new OptionTypeError(place, `${what} is a number such as 5, not ${String(factor)}`)
  if (!(factor > 0) || factor > 1e6)
    throw new OptionRangeError(place, `${what} is more than zero and at most a million, not ${factor}`)
  return factor
}
