import { capacityOf, type Limit } from 'sluice'
import type { Asked } from './shapes/shape.js'
import type { Amounts } from './usage.js'

/** What is taken of a client's tokens before its request is sent on. Whole numbers, zero or more. */
export interface Reservation {
  readonly input: number
  readonly output: number
  /** Input and output together. */
  readonly total: number
  /** Whether the request itself states the most output that it may have. */
  readonly stated: boolean
}

/** What can be reserved. */
export type TokenResource = keyof Amounts

const TOKEN_RESOURCES: readonly string[] = [
  'tokens',
  'input_tokens',
  'output_tokens',
] satisfies TokenResource[]

/** Whether a resource is one that only a call of a model has. */
export function isTokenResource(resource: string | undefined): resource is TokenResource {
  return resource !== undefined && TOKEN_RESOURCES.includes(resource)
}

/**
 * Reserves the whole of what a request may take: its input, and the most output of each answer.
 *
 * @param defaultOutput the output of one answer where the request states no maximum
 */
export function reserve(asked: Asked, input: number, defaultOutput: number): Reservation {
  const output = (asked.maxOutput ?? defaultOutput) * asked.answers
  return { input, output, total: input + output, stated: asked.maxOutput !== undefined }
}

/**
 * Cuts a default to what a limit can hold, so that a first request which states no maximum is not refused for ever. What
 * the request states is never cut, nor is its input: it is refused as oversized.
 *
 * @param capacity the most that each limit can hold; for ever where there is none
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

/** What a reservation takes of a rule's resource: its cost there. The default is cut to the rule's limit. */
export function costIn(resource: TokenResource, reservation: Reservation, limit: Limit): number {
  const { input, output, total } = fitting(reservation, { [resource]: capacityOf(limit) })
  if (resource === 'tokens') return total
  return resource === 'input_tokens' ? input : output
}
