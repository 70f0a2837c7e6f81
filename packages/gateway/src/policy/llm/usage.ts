import { MAX_TOKENS, own } from './request/json-fields.js'

/**
 * The usage that a response reports, in tokens. `input` includes `cached`, the tokens that the
 * upstream read from its cache, and `cacheWrite`, those that it wrote to it. `output` includes
 * `reasoning`. Reports are running totals, so the larger of two counts applies.
 */
export interface Usage {
  readonly input?: number | undefined
  readonly output?: number | undefined
  readonly cached?: number | undefined
  readonly cacheWrite?: number | undefined
  readonly reasoning?: number | undefined
  readonly total?: number | undefined
  /** Images that are billed one by one. */
  readonly images?: number | undefined
  readonly audioSeconds?: number | undefined
}

/**
 * The use of a model call: tokens, images and seconds of audio. `input` includes `cached` and
 * `cacheWrite`, and `output` includes `reasoning`.
 */
export interface TokenUsage {
  readonly input: number
  readonly cached: number
  readonly cacheWrite: number
  readonly output: number
  readonly reasoning: number
  readonly images: number
  readonly audioSeconds: number
}

/** The actual costs by resource, with which a permit is settled. */
export interface Amounts {
  readonly tokens: number
  readonly input_tokens: number
  readonly output_tokens: number
  /** In units of 10^-9 of the currency of the prices. Absent if calls are not priced. */
  readonly money?: number
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
    cacheWrite: larger(before.cacheWrite, after.cacheWrite),
    reasoning: larger(before.reasoning, after.reasoning),
    total: larger(before.total, after.total),
    images: larger(before.images, after.images),
    audioSeconds: larger(before.audioSeconds, after.audioSeconds),
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
