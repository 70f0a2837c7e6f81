import type { Request } from './batching-server.js'

export interface TrafficOptions {
  readonly seed: number
  readonly durationMs: number
  /** Requests per second. @param at milliseconds since the start */
  readonly rate: (at: number) => number
  /** Tokens that each thinking response produces before it shows anything. Default: 0. */
  readonly hidden?: number
  /** The part of the responses that think. Default: 1. */
  readonly thinking?: number
  /** The part of the responses that are documents. Default: 0. */
  readonly documents?: number
  /** Default: true. */
  readonly hasUsage?: boolean
}

/** Requests that arrive at random, with 100 to 1,000 input tokens and 200 output tokens on average. */
export function traffic({ seed, durationMs, rate, ...options }: TrafficOptions): Request[] {
  const random = randomOf(seed)
  const exponential = (mean: number) => -mean * Math.log(1 - random())
  const requests: Request[] = []
  for (let at = exponential(1_000 / rate(0)); at < durationMs; at += exponential(1_000 / rate(at)))
    requests.push({
      at,
      input: 100 + Math.floor(900 * random()),
      output: 20 + Math.floor(exponential(180)),
      hidden: random() < (options.thinking ?? 1) ? (options.hidden ?? 0) : 0,
      isStream: random() >= (options.documents ?? 0),
      hasUsage: options.hasUsage ?? true,
    })
  return requests
}

/** A linear congruential generator: the same numbers on every machine. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
  // The first numbers of close seeds resemble each other.
  for (let skipped = 0; skipped < 8; skipped++) next()
  return next
}
