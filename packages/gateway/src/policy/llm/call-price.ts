import {
  type BilledUsage,
  capacityOf,
  isOptionError,
  type Limit,
  type ModelPrice,
  priceOf,
  RequestError,
} from 'sluice'
import { MAX_MONEY } from 'sluice/internal'
import type { CallPrice, PriceList } from './price-list.js'
import { describeValue } from './request/json-fields.js'
import type { Reservation } from './reservation.js'
import type { CallParameters } from './shapes/shape.js'
import type { TokenUsage } from './usage.js'

/** The code of the error for a model without a price. */
export const UNPRICED_MODEL = 'model_not_priced'

/** How the calls of a route are priced. */
export interface Pricing {
  readonly list: PriceList
  /** Whether a model without a price is refused, or has the highest of each price in the list. */
  readonly unknownModel: 'refuse' | 'dearest'
}

/**
 * Finds the prices of a call.
 *
 * @throws RequestError for a model without a price, and for work whose cost is never reported
 */
export function callPriceOf({ list, unknownModel }: Pricing, parameters: CallParameters): CallPrice {
  const { model, background } = parameters
  if (background === true)
    throw new RequestError(
      "'background' must be false: the cost of work in the background cannot be charged to the limit on money",
      400,
      'background_not_priced',
    )
  const price = model === undefined ? undefined : list.priceOf(model)
  if (price !== undefined) return price
  if (unknownModel === 'dearest') return list.dearest
  const subject = model === undefined ? 'a request without a model' : `the model ${describeValue(model)}`
  throw new RequestError(
    `${subject} has no price, so it cannot be charged to the limit on money`,
    400,
    UNPRICED_MODEL,
  )
}

/**
 * Returns the money that is reserved for a call, in units of 10^-9: the highest price that it can
 * have. A default output is reduced to the capacity of the limit, and a stated one never is.
 *
 * @throws Error if the limit is in another currency than the prices
 */
export function reservedMoney(call: CallPrice, reservation: Reservation, limit: Limit): number {
  const currency = 'currency' in limit ? limit.currency : undefined
  if (currency !== call.currency)
    throw new Error(`a limit in ${currency} cannot be charged with prices in ${call.currency}`)
  const { output, expected = output, stated } = reservation
  const full = highestPriceOf(call, { ...reservation, output: expected })
  const most = reservation.expected === undefined ? capacityOf(limit) : Math.ceil(capacityOf(limit) / 4)
  if (stated || full <= most) return full
  return Math.max(highestPriceOf(call, { ...reservation, output: 0 }), most)
}

/** Returns the highest price that a call can have, in units of 10^-9. */
export function highestPriceOf(
  { highest }: CallPrice,
  { input, output, images = 0, audioSeconds = 0 }: Omit<Reservation, 'total' | 'stated' | 'expected'>,
): number {
  return boundedPrice({ input, output, images, audioSeconds }, highest)
}

/** Returns the price of what a call used, in units of 10^-9. */
export function settledMoney(
  { price }: CallPrice,
  { input, cached, cacheWrite, output, reasoning, images, audioSeconds }: TokenUsage,
): number {
  const parts = { cachedInput: cached, cacheWrite, reasoning }
  return boundedPrice({ input, output, ...parts, images, audioSeconds }, price)
}

/** Returns the price of a usage, or the largest amount if it is too much to be counted. */
function boundedPrice(usage: BilledUsage, price: ModelPrice): number {
  try {
    return priceOf(usage, price)
  } catch (error) {
    if (isOptionError(error) && error.path.length === 0) return MAX_MONEY
    throw error
  }
}
