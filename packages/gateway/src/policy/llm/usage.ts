import { MAX_TOKENS, own } from './request/json-fields.js'

/**
 * The usage that a response reports, in tokens. `input` includes `cached`, the tokens that the
 * upstream read from its cache. Reports are running totals, so the larger of two counts applies.
 */
export interface Usage {
  readonly input?: number | undefined
  readonly output?: number | undefined
  readonly cached?: number | undefined
  readonly total?: number | undefined
}

/** The tokens of a model call. `input` includes `cached`. */
export interface TokenUsage {
  readonly input: number
  readonly cached: number
  readonly output: number
}

/** The actual costs by resource, with which a permit is settled. */
export interface Amounts {
  readonly tokens: number
  readonly input_tokens: number
  readonly output_tokens: number
}

export const NO_AMOUNTS: Amounts = { tokens: 0, input_tokens: 0, output_tokens: 0 }

/**
 * Reads a positive token count. Returns undefined for zero, which many servers send for an
 * unknown count.
 */
export function tokenCount(value: unknown, name: string): number | undefined {
  return asTokenCount(own(value, name))
}

export function asTokenCount(value: unknown): number | undefined {
  return typeof value === 'number' && value > 0 && value <= MAX_TOKENS ? Math.ceil(value) : undefined
}

/** Returns the larger of each count, so a later event without a count does not reset it. */
export function mergeUsage(before: Usage, after: Usage): Usage {
  return {
    input: larger(before.input, after.input),
    output: larger(before.output, after.output),
    cached: larger(before.cached, after.cached),
    total: larger(before.total, after.total),
  }
}

function larger(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return Math.max(one, other)
}

/**
 * Converts token counts to costs.
 *
 * @param cachedWeight weight of a cached input token, 0 or more; input is rounded up to whole
 *   tokens
 */
export function amountsOf(input: number, output: number, cached: number, cachedWeight: number): Amounts {
  const fromCache = Math.min(cached, input)
  // Subtracts the rounding error of products such as 0.1 × 30 = 3.0000000000000004.
  const weightedInput = Math.ceil(input - fromCache + fromCache * cachedWeight - 1e-9)
  return { tokens: weightedInput + output, input_tokens: weightedInput, output_tokens: output }
}
