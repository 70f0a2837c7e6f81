import { capacityOf, type Limit } from 'sluice'
import type { CallParameters } from './shapes/shape.js'
import type { Amounts } from './usage.js'

/** The tokens taken before a request is forwarded. Whole numbers, 0 or more. */
export interface Reservation {
  readonly input: number
  readonly output: number
  /** Input and output together. */
  readonly total: number
  /** True if the request states its maximum output. */
  readonly stated: boolean
}

/** A resource that can be reserved. */
export type TokenResource = keyof Amounts

const TOKEN_RESOURCES: readonly string[] = [
  'tokens',
  'input_tokens',
  'output_tokens',
] satisfies TokenResource[]

/** Reports whether a resource is counted for model calls only. */
export function isTokenResource(resource: string | undefined): resource is TokenResource {
  return resource !== undefined && TOKEN_RESOURCES.includes(resource)
}

/**
 * Reserves everything that a request may use: its input, and the maximum output of each answer.
 *
 * @param defaultOutput output tokens of one answer if the request states no maximum
 */
export function reserve(parameters: CallParameters, input: number, defaultOutput: number): Reservation {
  const output = (parameters.maxOutput ?? defaultOutput) * parameters.answers
  return { input, output, total: input + output, stated: parameters.maxOutput !== undefined }
}

/**
 * Reduces a default to the capacity of a limit, so that a request without a maximum is not refused
 * forever. Stated maxima and input are never reduced: such a request is refused as oversized.
 *
 * @param capacity the capacity of each limit; infinite without one
 */
export function fitting(
  reservation: Reservation,
  capacity: { readonly [Name in TokenResource]?: number },
): Reservation {
  const { input, output, stated } = reservation
  if (stated) return reservation
  const { tokens = Number.POSITIVE_INFINITY, output_tokens = Number.POSITIVE_INFINITY } = capacity
  const most = Math.floor(Math.min(tokens - input, output_tokens))
  const cut = Math.max(0, Math.min(output, most))
  return { input, output: cut, total: input + cut, stated }
}

/**
 * The cost of a reservation in one resource. The default is reduced to the capacity of the rule.
 */
export function costIn(resource: TokenResource, reservation: Reservation, limit: Limit): number {
  const { input, output, total } = fitting(reservation, { [resource]: capacityOf(limit) })
  if (resource === 'tokens') return total
  return resource === 'input_tokens' ? input : output
}
