import type { AdaptiveLimit, LatencySample } from './latency-gate.js'

export interface Gradient2Options {
  /** How much longer than their long-term mean responses may take before the limit shrinks. */
  readonly tolerance: number
  /** By how much the limit grows while durations stay short. */
  readonly queueSize: number
  /** Number of responses in the long-term mean. */
  readonly longWindow: number
}

/** The defaults of the library. */
const GRADIENT2_DEFAULTS: Gradient2Options = { tolerance: 1.5, queueSize: 4, longWindow: 600 }

const INITIAL_LIMIT = 20
const MIN_LIMIT = 20
/** The default of the library is 200, which would cap the throughput of the servers here. */
const MAX_LIMIT = 1_000
const SMOOTHING = 0.2
const WARM_UP_SAMPLES = 10

/**
 * The Gradient2 limit of Netflix's concurrency-limits (at 78a74b9, `Gradient2Limit.java`). It
 * multiplies the limit by the ratio of the long-term mean of the durations to the last duration,
 * between 0.5 and 1, and adds a fixed queue.
 */
export class Gradient2 implements AdaptiveLimit {
  limit = INITIAL_LIMIT
  #longMs = 0
  #samples = 0
  #sumMs = 0

  constructor(private readonly options: Gradient2Options = GRADIENT2_DEFAULTS) {}

  add({ durationMs, inFlight }: LatencySample): void {
    const { tolerance, queueSize, longWindow } = this.options
    if (this.#samples < WARM_UP_SAMPLES) {
      this.#sumMs += durationMs
      this.#longMs = this.#sumMs / ++this.#samples
    } else this.#longMs += (2 / (longWindow + 1)) * (durationMs - this.#longMs)
    const longMs = this.#longMs
    if (longMs / durationMs > 2) this.#longMs *= 0.95
    if (inFlight < this.limit / 2) return
    const gradient = Math.max(0.5, Math.min(1, (tolerance * longMs) / durationMs))
    const wanted = this.limit * gradient + queueSize
    this.limit = Math.max(MIN_LIMIT, Math.min(MAX_LIMIT, this.limit + SMOOTHING * (wanted - this.limit)))
  }
}
