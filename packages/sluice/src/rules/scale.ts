import { checkLimit } from '../limits/check-limit.js'
import type { Limit } from '../limits/limit.js'
import { type OptionPath, OptionRangeError, OptionTypeError } from '../option-error.js'

/**
 * Multiplies the capacity of a limit. Whole units are rounded down, but never below one, so a
 * scaled limit never refuses everything.
 *
 * The usage of a key stays the same, because stores count units and not fractions of a limit.
 *
 * @param factor greater than zero
 */
export function scaleLimit(limit: Limit, factor: number): Limit {
  if (factor === 1) return limit
  if (limit.algorithm === 'token-bucket') {
    const burst = Math.max(1, limit.burst * factor)
    const initial = limit.initial === undefined ? {} : { initial: Math.min(burst, limit.initial * factor) }
    return checkLimit({ ...limit, limit: limit.limit * factor, burst, ...initial })
  }
  // Tolerates rounding errors: 100 times 0.29 is 28.999999999999996.
  return checkLimit({ ...limit, limit: Math.max(1, Math.floor(limit.limit * factor * (1 + 1e-12))) })
}

/**
 * Validates a factor for `scaleLimit`.
 *
 * @throws TypeError, RangeError for a factor that cannot scale a limit.
 */
export function checkFactor(factor: unknown, subject: string, path: OptionPath): number {
  if (typeof factor !== 'number')
    throw new OptionTypeError(path, `${subject} must be a number such as 5, not ${String(factor)}`)
  if (!(factor > 0) || factor > 1e6)
    throw new OptionRangeError(path, `${subject} must be greater than 0 and at most a million, not ${factor}`)
  return factor
}
