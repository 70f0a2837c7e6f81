import type { Latency } from '../api/live-samples.js'

/**
 * Each bucket ends at 1.2 times its start, so its midpoint is within 10 % of every value in it.
 */
const GROWTH = Math.log(1.2)
/** End of the first bucket, in milliseconds. */
const MIN_MS = 0.001
/** Number of buckets, which cover up to about a day. */
const BUCKETS = 140

const EMPTY: Latency = { count: 0, p50: 0, p99: 0, max: 0 }

/** A histogram of latencies with exponential buckets. */
export class LatencyHistogram {
  readonly #buckets = new Uint32Array(BUCKETS)
  #count = 0
  #max = 0

  get isEmpty(): boolean {
    return this.#count === 0
  }

  record(milliseconds: number): void {
    const bucket = milliseconds <= MIN_MS ? 0 : Math.floor(Math.log(milliseconds / MIN_MS) / GROWTH)
    const index = bucket < BUCKETS ? bucket : BUCKETS - 1
    this.#buckets[index] = (this.#buckets[index] as number) + 1
    this.#count++
    if (milliseconds > this.#max) this.#max = milliseconds
  }

  read(): Latency {
    if (this.#count === 0) return EMPTY
    return {
      count: this.#count,
      p50: this.#quantile(0.5),
      p99: this.#quantile(0.99),
      max: rounded(this.#max),
    }
  }

  /** Adds the values of another histogram. */
  add(other: LatencyHistogram): void {
    if (other.#count === 0) return
    other.#buckets.forEach((count, index) => {
      this.#buckets[index] = (this.#buckets[index] as number) + count
    })
    this.#count += other.#count
    this.#max = Math.max(this.#max, other.#max)
  }

  clear(): void {
    if (this.#count === 0) return
    this.#buckets.fill(0)
    this.#count = 0
    this.#max = 0
  }

  #quantile(fraction: number): number {
    let index = 0
    let left = Math.ceil(fraction * this.#count) - (this.#buckets[0] as number)
    while (left > 0) {
      index++
      left -= this.#buckets[index] as number
    }
    return rounded(Math.min(this.#max, MIN_MS * Math.exp((index + 0.5) * GROWTH)))
  }
}

/** Rounds to three significant digits. */
function rounded(milliseconds: number): number {
  return Number(milliseconds.toPrecision(3))
}
