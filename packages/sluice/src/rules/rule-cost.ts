import { checkCost } from '../limits/check-limit.js'
import type { Limit } from '../limits/limit.js'
import { andThen, type MaybePromise, toMaybePromise } from '../maybe-promise.js'
import { OptionRangeError, OptionTypeError } from '../option-error.js'
import { MalformedRequestError, RequestError } from './request-error.js'
import type { Rule } from './rule.js'

/**
 * Computes the cost of a request. Throws a RequestError for a cost that the limit cannot count, and
 * passes on errors of the rule's function. If the rule has a `fallbackCost`, a well-formed request
 * whose cost cannot be computed costs that instead.
 */
export type CostFor<Request> = (request: Request, limit: Limit) => MaybePromise<number>

/** Compiles the cost of a rule. @throws TypeError, RangeError for an invalid cost. */
export function compileCost<Request>({ cost = 1, fallbackCost }: Rule<Request>): CostFor<Request> {
  const costOf = typeof cost === 'function' ? cost : constantCost(cost, 'cost')
  const costFor: CostFor<Request> = (request, limit) => {
    const units = costOf(request, limit)
    return typeof units === 'number'
      ? checkedCost(units, limit)
      : andThen(toMaybePromise<number>(units), (resolved) => checkedCost(resolved, limit))
  }
  if (fallbackCost === undefined) return costFor
  constantCost(fallbackCost, 'fallbackCost')
  const fallback = (error: unknown, limit: Limit): number => {
    if (!(error instanceof RequestError) || error instanceof MalformedRequestError) throw error
    return checkedCost(fallbackCost, limit)
  }
  return (request, limit) => {
    try {
      const units = costFor(request, limit)
      return units instanceof Promise ? units.catch((error: unknown) => fallback(error, limit)) : units
    } catch (error) {
      return fallback(error, limit)
    }
  }
}

function constantCost(units: unknown, field: string): () => number {
  if (typeof units !== 'number')
    throw new OptionTypeError([field], `'${field}' must be a number, not ${typeof units}`)
  if (!(units >= 0 && Number.isFinite(units)))
    throw new OptionRangeError([field], `'${field}' must be finite and at least 0, not ${units}`)
  return () => units
}

function checkedCost(units: number, limit: Limit): number {
  try {
    checkCost(limit, units)
  } catch (error) {
    throw new RequestError(`the cost of this request cannot be counted: ${(error as Error).message}`)
  }
  return units
}
