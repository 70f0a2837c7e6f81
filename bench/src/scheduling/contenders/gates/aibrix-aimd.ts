import type { AdaptiveLimit, LatencySample } from './latency-gate.js'

export interface AibrixAimdOptions {
  readonly initialLimit: number
  /** Number of healthy responses for each growth of the limit. */
  readonly healthyWindow: number
  /** A response is slow if its first token or its gap takes so many times the moving average. */
  readonly slowdown: number
  /** What the limit is multiplied by after a slow response. */
  readonly decrease: number
}

/** The defaults of AIBrix, which has none for the initial limit. */
const AIBRIX_DEFAULTS: AibrixAimdOptions = {
  initialLimit: 16,
  healthyWindow: 8,
  slowdown: 1.75,
  decrease: 0.8,
}

const MIN_LIMIT = 1
const MAX_LIMIT = 1_024
const AVERAGE_WEIGHT = 0.2
const WARM_UP_SAMPLES = 8
const PROBE_GROWTH = 0.25
const OVERLOAD_DECREASE = 0.9
/** Errors in a window of responses from which the limit shrinks, and their least share. */
const OVERLOAD_ERRORS = 2
const OVERLOAD_SHARE = 0.1

/** A moving average and the number of its samples. */
class MovingAverage {
  #value: number | undefined
  #samples = 0

  isExceeded(value: number | undefined, factor: number): boolean {
    const average = this.#value
    if (value === undefined || average === undefined) return false
    return this.#samples >= WARM_UP_SAMPLES && value > factor * average
  }

  add(value: number | undefined): void {
    if (value === undefined) return
    this.#value = this.#value === undefined ? value : this.#value + AVERAGE_WEIGHT * (value - this.#value)
    this.#samples++
  }
}

/**
 * The adaptive concurrency of AIBrix's batch client (vllm-project/aibrix at e3e10f9,
 * `batch/client/concurrency.py`): additive increase after healthy responses, multiplicative decrease
 * after one whose first token or gap took much longer than the moving average, or after errors.
 */
export class AibrixAimd implements AdaptiveLimit {
  limit: number
  #isProbing = true
  #healthy = 0
  readonly #firstToken = new MovingAverage()
  readonly #gap = new MovingAverage()
  #samples = 0
  #errors = 0
  #windowSize = 0

  constructor(private readonly options: AibrixAimdOptions = AIBRIX_DEFAULTS) {
    this.limit = options.initialLimit
  }

  add({ firstTokenMs, gapMs, isRejected }: LatencySample): void {
    const { slowdown, decrease, healthyWindow } = this.options
    if (this.#isOverloaded(isRejected)) {
      this.#decrease(OVERLOAD_DECREASE)
      return
    }
    if (isRejected) return
    const isSlow =
      this.#firstToken.isExceeded(firstTokenMs, slowdown) || this.#gap.isExceeded(gapMs, slowdown)
    this.#firstToken.add(firstTokenMs)
    this.#gap.add(gapMs)
    if (isSlow) {
      this.#decrease(decrease)
      return
    }
    if (++this.#healthy < healthyWindow) return
    this.#healthy = 0
    const growth = this.#isProbing ? Math.max(1, Math.ceil(this.limit * PROBE_GROWTH)) : 1
    this.limit = Math.min(MAX_LIMIT, this.limit + growth)
  }

  /** Counts errors in windows of responses. */
  #isOverloaded(isError: boolean): boolean {
    if (this.#samples === 0) this.#windowSize = Math.max(this.options.healthyWindow, this.limit)
    this.#samples++
    if (isError) this.#errors++
    if (this.#samples < this.#windowSize) return false
    const isOverloaded = this.#errors >= OVERLOAD_ERRORS && this.#errors / this.#samples >= OVERLOAD_SHARE
    this.#samples = 0
    this.#errors = 0
    return isOverloaded
  }

  #decrease(factor: number): void {
    this.#isProbing = false
    this.#healthy = 0
    const limit = Math.max(MIN_LIMIT, Math.floor(this.limit * factor))
    this.limit = limit >= this.limit && this.limit > MIN_LIMIT ? this.limit - 1 : limit
  }
}
