import { quantile } from '../../../harness/statistics.js'
import { Random } from '../../arrivals/random.js'
import type { AdaptiveLimit, LatencySample } from './latency-gate.js'

export interface EnvoyGradientOptions {
  /** Which duration of an interval is compared, from 0 to 1. */
  readonly percentile: number
  /** Share by which durations may exceed the ideal one before the limit shrinks. */
  readonly buffer: number
  readonly remeasureEveryMs: number
}

/** The defaults and the example of Envoy's documentation. */
const ENVOY_DEFAULTS: EnvoyGradientOptions = {
  percentile: 0.5,
  buffer: 0.25,
  remeasureEveryMs: 60_000,
}

const UPDATE_EVERY_MS = 100
const MIN_LIMIT = 3
const MAX_LIMIT = 1_000
/** Responses from which the ideal duration is computed. */
const IDEAL_SAMPLES = 50
const JITTER = 0.15
/** The ideal duration is measured again when the limit was at its minimum for so many intervals. */
const INTERVALS_AT_MIN = 5

/**
 * The gradient controller of Envoy's adaptive concurrency filter
 * (envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/adaptive_concurrency_filter).
 * From time to time it allows only three requests in flight, to measure the ideal duration. Between
 * these times, the limit is multiplied by ideal duration ÷ measured duration, and increased by its
 * square root.
 */
export class EnvoyGradient implements AdaptiveLimit {
  limit = MIN_LIMIT
  #samples: number[] = []
  #idealMs: number | undefined
  #limitBefore = MIN_LIMIT
  #updateAt = 0
  #remeasureAt = 0
  #intervalsAtMin = 0
  readonly #random = new Random(1)

  constructor(private readonly options: EnvoyGradientOptions = ENVOY_DEFAULTS) {}

  add({ durationMs }: LatencySample, now: number): void {
    this.#samples.push(durationMs)
    if (this.#idealMs === undefined) {
      if (this.#samples.length >= IDEAL_SAMPLES) this.#hasMeasured(now)
    } else if (now >= this.#remeasureAt) this.#remeasure()
    else if (now >= this.#updateAt) this.#update(this.#idealMs, now)
  }

  #hasMeasured(now: number): void {
    const { percentile, remeasureEveryMs } = this.options
    this.#idealMs = quantile(this.#samples, percentile)
    this.#samples = []
    this.limit = this.#limitBefore
    this.#remeasureAt = now + remeasureEveryMs * (1 + JITTER * this.#random.next())
    this.#updateAt = now + UPDATE_EVERY_MS
  }

  #remeasure(): void {
    this.#limitBefore = this.limit
    this.limit = MIN_LIMIT
    this.#idealMs = undefined
    this.#samples = []
    this.#intervalsAtMin = 0
  }

  #update(idealMs: number, now: number): void {
    const { percentile, buffer } = this.options
    const measuredMs = quantile(this.#samples, percentile)
    this.#samples = []
    this.#updateAt = now + UPDATE_EVERY_MS
    const gradient = Math.max(0.5, Math.min(2, (idealMs * (1 + buffer)) / measuredMs))
    const scaled = this.limit * gradient
    this.limit = Math.max(MIN_LIMIT, Math.min(MAX_LIMIT, scaled + Math.sqrt(scaled)))
    this.#intervalsAtMin = this.limit === MIN_LIMIT ? this.#intervalsAtMin + 1 : 0
    if (this.#intervalsAtMin >= INTERVALS_AT_MIN) this.#remeasure()
  }
}
