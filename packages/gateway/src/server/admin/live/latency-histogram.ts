import type { Latency } from '../api/live-types.js'

/** A bucket holds what is up to 1.2 times its lower end; its middle is within 10 % of all of it. */
const GROWTH = Math.log(1.2)
/** Lower end of the first bucket, in milliseconds. */
const SHORTEST = 0.001
/** Up to about a day. */
const BUCKETS = 140

const NOTHING: Latency = { count: 0, p50: 0, p99: 0, max: 0 }

/** How long something took, of as many times as it was. */
export class LatencyHistogram {
  readonly #buckets = new Uint32Array(BUCKETS)
  #count = 0
  #max = 0

  /** @param took in milliseconds */
  record(took: number): void {
    const bucket = took <= SHORTEST ? 0 : Math.floor(Math.log(took / SHORTEST) / GROWTH)
    const index = bucket < BUCKETS ? bucket : BUCKETS - 1
    this.#buckets[index] = (this.#buckets[index] as number) + 1
    this.#count++
    if (took > this.#max) this.#max = took
  }

  /** What was recorded since it was last asked. */
  take(): Latency {
    if (this.#count === 0) return NOTHING
    const latency = {
      count: this.#count,
      p50: this.#quantile(0.5),
      p99: this.#quantile(0.99),
      max: rounded(this.#max),
    }
    this.#forget()
    return latency
  }

  /** Takes over what another one has recorded. */
  absorb(other: LatencyHistogram): void {
    other.#buckets.forEach((count, index) => {
      this.#buckets[index] = (this.#buckets[index] as number) + count
    })
    this.#count += other.#count
    this.#max = Math.max(this.#max, other.#max)
    other.#forget()
  }

  #forget(): void {
    this.#buckets.fill(0)
    this.#count = 0
    this.#max = 0
  }

  #quantile(part: number): number {
    let index = 0
    let left = Math.ceil(part * this.#count) - (this.#buckets[0] as number)
    while (left > 0) {
      index++
      left -= this.#buckets[index] as number
    }
    return rounded(Math.min(this.#max, SHORTEST * Math.exp((index + 0.5) * GROWTH)))
  }
}

/** Three digits that count are enough to look at. */
function rounded(milliseconds: number): number {
  return Number(milliseconds.toPrecision(3))
}
