import { Random } from '../../arrivals/random.js'
import type { AdaptiveLimit, LatencySample } from './latency-gate.js'

export interface VegasOptions {
  readonly initialLimit: number
  /** Multiplies the estimated queue below which the limit grows (3) and above which it shrinks (6). */
  readonly queueScale: number
  readonly smoothing: number
}

/** The defaults of the library. */
const VEGAS_DEFAULTS: VegasOptions = { initialLimit: 20, queueScale: 1, smoothing: 1 }

const MAX_LIMIT = 1_000
/** The shortest duration is measured again after about so many responses, times the limit. */
const PROBE_MULTIPLIER = 30

/**
 * The Vegas limit of Netflix's concurrency-limits (at 78a74b9, `VegasLimit.java`), after TCP Vegas
 * (Brakmo and Peterson 1995). It estimates the server's queue as `limit × (1 − shortest / duration)`,
 * lets the limit grow below 3·log10(limit), and shrink above 6·log10(limit).
 */
export class Vegas implements AdaptiveLimit {
  limit: number
  #shortestMs = 0
  #samples = 0
  readonly #random = new Random(1)
  #jitter = this.#random.next() / 2 + 0.5

  constructor(private readonly options: VegasOptions = VEGAS_DEFAULTS) {
    this.limit = options.initialLimit
  }

  add({ durationMs, inFlight, isRejected }: LatencySample): void {
    this.#samples++
    if (this.#samples >= this.#jitter * PROBE_MULTIPLIER * this.limit) {
      this.#samples = 0
      this.#jitter = this.#random.next() / 2 + 0.5
      this.#shortestMs = durationMs
    } else if (this.#shortestMs === 0 || durationMs < this.#shortestMs) this.#shortestMs = durationMs
    else this.#update(durationMs, inFlight, isRejected)
  }

  #update(durationMs: number, inFlight: number, isRejected: boolean): void {
    const { queueScale, smoothing } = this.options
    const log = Math.max(1, Math.floor(Math.log10(this.limit)))
    const queue = Math.ceil(this.limit * (1 - this.#shortestMs / durationMs))
    const [low, high] = [3 * log * queueScale, 6 * log * queueScale]
    let wanted: number
    if (isRejected) wanted = this.limit - log
    else if (inFlight * 2 < this.limit) return
    else if (queue <= log * queueScale) wanted = this.limit + high
    else if (queue < low) wanted = this.limit + log
    else if (queue > high) wanted = this.limit - log
    else return
    wanted = Math.max(1, Math.min(MAX_LIMIT, wanted))
    this.limit += smoothing * (wanted - this.limit)
  }
}
