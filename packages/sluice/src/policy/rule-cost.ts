import { checkCost, type Limit } from '../limits/limit.js'
import { RequestError } from './request-error.js'
import type { Rule } from './rule.js'

/**
 * What a request takes. It throws RequestError where that is nothing which the limit can count, and what the rule's own function throws;
 * unless the rule has a fallback.
 */
export type CostFor<Request> = (request: Request, limit: Limit) => number

export function compileCost<Request>({ cost = 1, fallbackCost }: Rule<Request>): CostFor<Request> {
  const costOf = typeof cost === 'function' ? cost : () => cost
  if (fallbackCost === undefined) return (request, limit) => countable(costOf(request, limit), limit)
  if (typeof fallbackCost !== 'number')
    throw new TypeError(`'fallbackCost' is a number, not ${typeof fallbackCost}`)
  if (!(fallbackCost >= 0 && Number.isFinite(fallbackCost)))
    throw new RangeError(`'fallbackCost' is zero or more and finite, not ${fallbackCost}`)
  return (request, limit) => {
    try {
      return countable(costOf(request, limit), limit)
    } catch (error) {
      if (!(error instanceof RequestError)) throw error
      return countable(fallbackCost, limit)
    }
  }
}

function countable(units: number, limit: Limit): number {
  try {
    checkCost(limit, units)
  } catch (error) {
    throw new RequestError(`the cost of this request cannot be counted: ${(error as Error).message}`)
  }
  return units
}
