/** Buckets of a histogram. The last one holds all lengths above 1.25^58, about 420,000 tokens. */
const BUCKETS = 60
/** The ratio of the upper bounds of adjacent buckets, which is the precision of a quantile. */
const RATIO = 1.25
/** The number of answers after which all counts are halved, so that old answers fade. */
const HALVED_AFTER = 500

const LOG_RATIO = Math.log(RATIO)

/**
 * The lengths of answers, in output tokens: a histogram of 240 bytes that forgets. It contains
 * nothing of the text.
 */
export class Lengths {
  readonly #counts = new Float32Array(BUCKETS)
  #total = 0
  #sinceHalving = 0

  /** The number of answers, of which old ones count less. */
  get answers(): number {
    return this.#total
  }

  /** @param tokens whole number, 0 or more */
  add(tokens: number): void {
    if (this.#sinceHalving === HALVED_AFTER) {
      for (let bucket = 0; bucket < BUCKETS; bucket += 1) this.#counts[bucket] = this.#countAt(bucket) / 2
      this.#total /= 2
      this.#sinceHalving = 0
    }
    this.#sinceHalving += 1
    this.#total += 1
    this.#counts[bucketOf(tokens)] = this.#countAt(bucketOf(tokens)) + 1
  }

  /**
   * Returns a length that at least the fraction `level` of the answers does not exceed: the upper
   * bound of a bucket, at most 25 % above the exact quantile. Returns 0 without answers.
   *
   * @param level from 0 to 1
   */
  quantile(level: number): number {
    // Halved counts are sums of fractions whose rounding errors must not skip the last bucket.
    const wanted = level * this.#total * (1 - 1e-6)
    let sum = 0
    let longest = 0
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      const count = this.#countAt(bucket)
      if (count === 0) continue
      sum += count
      longest = upperBoundOf(bucket)
      if (sum >= wanted) break
    }
    return longest
  }

  #countAt(bucket: number): number {
    return this.#counts[bucket] as number
  }
}

function bucketOf(tokens: number): number {
  if (tokens <= 1) return 0
  return Math.min(Math.ceil(Math.log(tokens) / LOG_RATIO - 1e-9), BUCKETS - 1)
}

function upperBoundOf(bucket: number): number {
  return Math.ceil(RATIO ** bucket)
}
