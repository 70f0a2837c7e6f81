import { MAX_TOKENS, own } from './request/json-fields.js'

/**
 * The usage that a response reports, in tokens. `input` includes `cached`, the tokens that the
 * upstream read from its cache. Reports are running totals: the larger of two counts.
 */
export interface Usage {
  readonly input?: number | undefined
  readonly output?: number | undefined
  readonly cached?: number | undefined
  readonly total?: number | undefined
}

/** Actual costs by resource, to settle a permit with. */
export interface Amounts {
  readonly tokens: number
  readonly input_tokens: number
  readonly output_tokens: number
}

export const NOTHING: Amounts = { tokens: 0, input_tokens: 0, output_tokens: 0 }

/**
 * Reads a positive token count. Zero is undefined, since many servers send it for an unknown count.
 */
export function tokenCount(value: unknown, name: string): number | undefined {
  return asTokenCount(own(value, name))
}

export function asTokenCount(value: unknown): number | undefined {
  return typeof value === 'number' && value > 0 && value <= MAX_TOKENS ? Math.ceil(value) : undefined
}

/** The larger of each number, so a later event without one takes nothing back. */
export function laterUsage(before: Usage, after: Usage): Usage {
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
 * Converts tokens to costs.
 *
 * @param cachedWeight weight of a cached input token, 0 or more; input is rounded up to whole tokens
 */
export function amountsOf(input: number, output: number, cached: number, cachedWeight: number): Amounts {
  const fromCache = Math.min(cached, input)
  // 0.1 × 30 is 3.0000000000000004, which is not four tokens.
  const weighed = Math.ceil(input - fromCache + fromCache * cachedWeight - 1e-9)
  return { tokens: weighed + output, input_tokens: weighed, output_tokens: output }
}
