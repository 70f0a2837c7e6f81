import { checkLimit } from '../limits/check-limit.js'
import type { Limit } from '../limits/limit.js'
import { type OptionPath, OptionRangeError, OptionTypeError } from '../option-error.js'

/**
 * Multiplies the capacity of a limit. Whole units are rounded down, but never below one, so a
 * scaled limit never refuses everything. All units of money are whole.
 *
 * The usage of a key stays the same, because stores count units and not fractions of a limit.
 *
 * @param factor greater than zero
 */
export function scaleLimit(limit: Limit, factor: number): Limit {
  if (factor === 1) return limit
  if (limit.algorithm === 'token-bucket') {
    const isMoney = limit.currency !== undefined
    const rate = isMoney ? wholeUnits(limit.limit * factor) : limit.limit * factor
    const burst = isMoney ? wholeUnits(limit.burst * factor) : Math.max(1, limit.burst * factor)
    const scaledInitial = (limit.initial ?? 0) * factor
    const initial = Math.min(burst, isMoney ? Math.floor(scaledInitial) : scaledInitial)
    return checkLimit({ ...limit, limit: rate, burst, ...(limit.initial !== undefined && { initial }) })
  }
  return checkLimit({ ...limit, limit: wholeUnits(limit.limit * factor) })
}

/** Rounds down, tolerating rounding errors: 100 times 0.29 is 28.999999999999996. */
function wholeUnits(product: number): number {
  return Math.max(1, Math.floor(product + Math.min(product * 1e-12, 0.25)))
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
