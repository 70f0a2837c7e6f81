import { checkCost } from '../limits/check-limit.js'
import type { Limit } from '../limits/limit.js'
import { andThen, type MaybePromise, toMaybePromise } from '../maybe-promise.js'
import { OptionRangeError, OptionTypeError } from '../option-error.js'
import { MalformedRequestError, RequestError } from './request-error.js'
import type { Rule } from './rule.js'

/**
 * What a request takes. It throws RequestError where that is nothing which the limit can count, and what the rule's own function throws;
 * unless the rule has a fallback and the request is well formed.
 */
export type CostFor<Request> = (request: Request, limit: Limit) => MaybePromise<number>

/** @throws TypeError, RangeError for a number that is no cost. */
export function compileCost<Request>({ cost = 1, fallbackCost }: Rule<Request>): CostFor<Request> {
  const costOf = typeof cost === 'function' ? cost : constant(cost, 'cost')
  const costFor: CostFor<Request> = (request, limit) => {
    const units = costOf(request, limit)
    return typeof units === 'number'
      ? countable(units, limit)
      : andThen(toMaybePromise<number>(units), (resolved) => countable(resolved, limit))
  }
  if (fallbackCost === undefined) return costFor
  constant(fallbackCost, 'fallbackCost')
  const fallback = (error: unknown, limit: Limit): number => {
    if (!(error instanceof RequestError) || error instanceof MalformedRequestError) throw error
    return countable(fallbackCost, limit)
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

function constant(units: unknown, field: string): () => number {
  if (typeof units !== 'number')
    throw new OptionTypeError([field], `'${field}' is a number, not ${typeof units}`)
  if (!(units >= 0 && Number.isFinite(units)))
    throw new OptionRangeError([field], `'${field}' is zero or more and finite, not ${units}`)
  return () => units
}

function countable(units: number, limit: Limit): number {
  try {
    checkCost(limit, units)
  } catch (error) {
    throw new RequestError(`the cost of this request cannot be counted: ${(error as Error).message}`)
  }
  return units
}
