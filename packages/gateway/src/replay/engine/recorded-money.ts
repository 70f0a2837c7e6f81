import { RequestError } from 'sluice'
import { callPriceOf, type Pricing, settledMoney } from '../../policy/llm/call-price.js'
import { type LlmRouteOptions, shapeOf } from '../../policy/llm/llm-call.js'
import { type CallPrice, priceId } from '../../policy/llm/price-list.js'
import type { CallParameters } from '../../policy/llm/shapes/shape.js'
import type { TraceRequest } from '../trace/trace-request.js'

/** The reason why a rule is skipped if the model of a call is unknown. */
export const NO_MODEL = 'the trace has no models'

/** A route whose calls are priced. */
export interface PricedRoute extends Pick<LlmRouteOptions, 'shape'> {
  readonly pricing: Pricing
}

/** Returns the shape of a recorded call; undefined if its path belongs to no known API. */
export function recordedShape(llm: Pick<LlmRouteOptions, 'shape'>, { target = '' }: TraceRequest) {
  return shapeOf(llm, target.split('?', 1)[0] as string)
}

/**
 * Finds the prices of a recorded call.
 *
 * @throws RequestError if the model was not recorded, or has no price
 */
export function recordedPrice(route: PricedRoute, recorded: TraceRequest): CallPrice {
  const { pricing } = route
  if (recordedShape(route, recorded)?.isFree === true) return pricing.list.free
  const { model } = recorded
  if (model === undefined && pricing.unknownModel === 'refuse') throw new RequestError(NO_MODEL)
  return callPriceOf(pricing, { ...NO_PARAMETERS, model: model || undefined })
}

/**
 * Returns what a recorded call costs, in units of 10^-9: the recorded amount, unless the prices have
 * changed since, or the price of its tokens.
 *
 * @returns undefined if neither is known
 */
export function recordedMoney(route: PricedRoute, recorded: TraceRequest): number | undefined {
  const { money, currency, call, input, output, cached = 0 } = recorded
  let price: CallPrice
  try {
    price = recordedPrice(route, recorded)
  } catch (error) {
    if (error instanceof RequestError) return undefined
    throw error
  }
  const isCurrent = call?.priceId === undefined || call.priceId === priceId(price)
  if (money !== undefined && isCurrent && (currency ?? price.currency) === price.currency) return money
  if (input === undefined || output === undefined) return undefined
  const { images = 0, audioSeconds = 0 } = call ?? {}
  return settledMoney(price, {
    ...NO_PARTS,
    input,
    cached: Math.min(cached, input),
    output,
    images,
    audioSeconds,
  })
}

const NO_PARAMETERS: CallParameters = {
  ...{ model: undefined, stream: false, wantsUsage: false, maxOutput: undefined, answers: 1 },
}

/** The parts of a use that traces do not contain. */
const NO_PARTS = { cacheWrite: 0, reasoning: 0 } as const
