import { MAX_TOKENS, own } from './request/json-fields.js'

/**
 * What an answer says that it cost, in tokens. `input` includes `cached`, which was read from a cache of the upstream.
 * A running total: of two, the larger counts.
 */
export interface Usage {
  readonly input?: number | undefined
  readonly output?: number | undefined
  readonly cached?: number | undefined
  readonly total?: number | undefined
}

/** True costs by resource, as a permit is settled with. */
export interface Amounts {
  readonly tokens: number
  readonly input_tokens: number
  readonly output_tokens: number
}

export const NOTHING: Amounts = { tokens: 0, input_tokens: 0, output_tokens: 0 }

/** A positive number of tokens in an answer. Zero is undefined: many servers write it where they do not know the number. */
export function tokenCount(value: unknown, name: string): number | undefined {
  return asTokenCount(own(value, name))
}

export function asTokenCount(value: unknown): number | undefined {
  return typeof value === 'number' && value > 0 && value <= MAX_TOKENS ? Math.ceil(value) : undefined
}

/** The larger of each number. A later event that leaves one out takes nothing back. */
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
 * What tokens cost.
 *
 * @param cachedWeight what a cached input token counts for, zero or more; input is rounded up to whole tokens
 */
export function amountsOf(input: number, output: number, cached: number, cachedWeight: number): Amounts {
  const fromCache = Math.min(cached, input)
  // 0.1 × 30 is 3.0000000000000004, which is not four tokens.
  const weighed = Math.ceil(input - fromCache + fromCache * cachedWeight - 1e-9)
  return { tokens: weighed + output, input_tokens: weighed, output_tokens: output }
}
