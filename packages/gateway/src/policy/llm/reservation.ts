import type { CallParameters } from './shapes/shape.js'
import type { Amounts } from './usage.js'

/** What is charged before a request is forwarded: tokens as whole numbers, 0 or more. */
export interface Reservation {
  readonly input: number
  readonly output: number
  /** Images and seconds of audio that the request states; absent if there are none. */
  readonly images?: number
  readonly audioSeconds?: number
  /** Input and output together. */
  readonly total: number
  /**
   * The output that is charged at first, since the call is expected to use no more; absent if all of
   * `output` is.
   */
  readonly expected?: number
  /** True if the request states a maximum output. */
  readonly stated: boolean
}

/** A resource that can be reserved. */
export type TokenResource = keyof Amounts

const TOKEN_RESOURCES: readonly string[] = [
  'tokens',
  'input_tokens',
  'output_tokens',
  'money',
] satisfies TokenResource[]

/** Reports whether a resource is counted only for model calls: tokens, or their price. */
export function isTokenResource(resource: string | undefined): resource is TokenResource {
  return resource !== undefined && TOKEN_RESOURCES.includes(resource)
}

/**
 * Reserves everything that a request may use: its input, and the maximum output of each answer.
 *
 * @param defaultOutput output tokens per answer if the request does not state a maximum
 */
export function reserve(parameters: CallParameters, input: number, defaultOutput: number): Reservation {
  const { maxOutput = defaultOutput, answers, images, audioSeconds } = parameters
  const output = maxOutput * answers
  const stated = parameters.maxOutput !== undefined
  return {
    ...{ input, output, total: input + output, stated },
    ...(images !== undefined && { images }),
    ...(audioSeconds !== undefined && { audioSeconds }),
  }
}

/**
 * Returns what a limit charges at first. Reduces a default output to the capacity of a limit, so that a request without a maximum is not
 * refused forever, and an expected one to a quarter of it. A stated maximum and the input are never reduced; if they exceed the capacity,
 * the request is refused as oversized.
 *
 * @param capacity the capacity for each resource; unlimited if absent
 */
export function fitToCapacity(
  reservation: Reservation,
  capacity: { readonly [Name in Exclude<TokenResource, 'money'>]?: number },
): Reservation {
  const { input, expected, stated } = reservation
  const output = expected ?? reservation.output
  if (stated) return expected === undefined ? reservation : { ...reservation, output, total: input + output }
  const { tokens = Number.POSITIVE_INFINITY, output_tokens = Number.POSITIVE_INFINITY } = capacity
  const smallest = Math.min(tokens, output_tokens)
  const available = Math.floor(Math.min(tokens - input, output_tokens))
  // A reservation that can grow need not take most of a limit at once.
  const most = expected === undefined ? available : Math.min(available, Math.ceil(smallest / 4))
  const reduced = Math.max(0, Math.min(output, most))
  return { ...reservation, output: reduced, total: input + reduced }
}
