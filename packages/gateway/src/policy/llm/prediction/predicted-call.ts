import { capacityOf, type MaybePromise, type Permit, type Quota } from 'sluice'
import { highestPriceOf } from '../call-price.js'
import type { LlmOptions, WeighedCall } from '../llm-call.js'
import { isTokenResource, type TokenResource } from '../reservation.js'
import type { Amounts } from '../usage.js'
import { GrowingReservation } from './growing-reservation.js'
import type { Caller, OutputPredictor } from './output-predictor.js'

/**
 * Predicts the output of a call if its route reserves less than calls may use. The prediction must
 * be ended with the call.
 *
 * @returns the prediction and the reservation with it; empty without a prediction
 */
export function predictionFor(
  { parameters, reservation }: Pick<WeighedCall, 'parameters' | 'reservation'>,
  { reserve, defaultOutput }: Pick<LlmOptions, 'reserve' | 'defaultOutput'>,
  predictor: OutputPredictor | undefined,
  caller: Caller,
): Pick<WeighedCall, 'prediction'> & Partial<Pick<WeighedCall, 'reservation'>> {
  // Calls without output, such as embeddings, leave nothing to predict.
  if (reserve === undefined || predictor === undefined || reservation.output === 0) return {}
  const prediction = predictor.predict(caller, parameters, reserve.mode, defaultOutput)
  return { prediction, reservation: { ...reservation, expected: prediction.output } }
}

/** Returns the output that a quota reserves for a call; Infinity if it reserves all or counts none. */
function reservedOutput({ resource, cost }: Quota, { reservation, price }: WeighedCall): number {
  const { input, output, expected = output } = reservation
  switch (resource) {
    case 'tokens':
      return cost - input < output || !reservation.stated ? cost - input : Number.POSITIVE_INFINITY
    case 'output_tokens':
      return cost < output || !reservation.stated ? cost : Number.POSITIVE_INFINITY
    case 'money':
      return price !== undefined && cost < highestPriceOf(price, reservation)
        ? expected
        : Number.POSITIVE_INFINITY
    default:
      return Number.POSITIVE_INFINITY
  }
}

/** Follows the reservation of a call. */
interface GrowthListener {
  /** More was taken. */
  onTaken?(costs: Partial<Amounts>): void
  /** Called once, when everything reserved is used up and a limit cannot hold more. */
  onExhausted(): void
}

/**
 * Returns the reservation of a streamed call that an admission has made; undefined if everything that
 * the call may use is reserved.
 *
 * @param quotas of the admission
 * @param permits the permits to extend. Only the first one decides whether the stream may go on.
 */
export function growingReservation(
  call: WeighedCall,
  quotas: readonly Quota[],
  permits: () => readonly Permit[],
  { onTaken, onExhausted }: GrowthListener,
): GrowingReservation | undefined {
  const { reservation, price, parameters } = call
  if (reservation.expected === undefined || !parameters.stream) return undefined
  const growing = new Set<TokenResource>()
  let reserved = Number.POSITIVE_INFINITY
  for (const quota of quotas) {
    const output = reservedOutput(quota, call)
    if (output === Number.POSITIVE_INFINITY || !isTokenResource(quota.resource)) continue
    growing.add(quota.resource)
    reserved = Math.min(reserved, Math.max(0, output))
  }
  if (growing.size === 0) return undefined
  const priceOf = (output: number) =>
    price === undefined ? 0 : highestPriceOf(price, { ...reservation, output })
  return new GrowingReservation({
    reserved,
    maximum: reservation.stated ? reservation.output : Number.POSITIVE_INFINITY,
    onExhausted,
    take(from, to) {
      const all = { tokens: to - from, output_tokens: to - from, money: priceOf(to) - priceOf(from) }
      const costs = Object.fromEntries(
        Object.entries(all).filter(([name]) => growing.has(name as TokenResource)),
      )
      const note = (isTaken: boolean) => {
        if (isTaken) onTaken?.(costs)
        return isTaken
      }
      const taken = extendAll(permits(), costs)
      return taken instanceof Promise ? taken.then(note) : note(taken)
    },
  })
}

function extendAll(
  [first, ...others]: readonly Permit[],
  costs: Readonly<Record<string, number>>,
): MaybePromise<boolean> {
  // Whatever the others answer, their difference is settled at the end.
  for (const permit of others) {
    const counted = Object.entries(costs).filter(([resource]) => permit.resources.includes(resource))
    const extended = permit.extend(Object.fromEntries(counted))
    if (extended instanceof Promise) extended.catch(() => {})
  }
  return first === undefined ? true : first.extend(costs)
}

/**
 * Returns what a call with a prediction is charged if its actual cost stays unknown: everything that
 * it may have used, up to the capacity of its limits.
 */
export function unknownCosts({ reservation, price }: WeighedCall, quotas: readonly Quota[]): Amounts {
  const capacity = (resource: TokenResource) =>
    quotas.reduce(
      (least, quota) => (quota.resource === resource ? Math.min(least, capacityOf(quota.limit)) : least),
      Number.POSITIVE_INFINITY,
    )
  const { input, output, total } = reservation
  return {
    tokens: Math.min(total, capacity('tokens')),
    input_tokens: input,
    output_tokens: Math.min(output, capacity('output_tokens')),
    ...(price !== undefined && { money: Math.min(highestPriceOf(price, reservation), capacity('money')) }),
  }
}
