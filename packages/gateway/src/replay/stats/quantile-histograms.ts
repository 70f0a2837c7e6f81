/** Quantiles of a histogram. */
export interface Quantiles {
  readonly p50: number
  readonly p95: number
  readonly max: number
}

const FRACTION_BINS = 1000

/** Histogram of numbers from 0 to 1, with an error of at most 0.001. The maximum is exact. */
export class FractionHistogram {
  readonly #counts = new Uint32Array(FRACTION_BINS + 1)
  #total = 0
  #max = 0

  add(fraction: number): void {
    const within = Math.min(1, Math.max(0, fraction))
    const bin = Math.round(within * FRACTION_BINS)
    this.#counts[bin] = (this.#counts[bin] as number) + 1
    this.#total++
    if (within > this.#max) this.#max = within
  }

  get quantiles(): Quantiles {
    const at = (part: number) => binAt(this.#counts, this.#total, part) / FRACTION_BINS
    return { p50: at(0.5), p95: at(0.95), max: this.#max }
  }
}

/** Bins per doubling, which bound the error of a quantile to one twelfth. */
const BINS_PER_DOUBLING = 8
const DOUBLINGS = 40

/**
 * Histogram of durations in milliseconds, with an error of at most one twelfth. The maximum is
 * exact.
 */
export class DurationHistogram {
  readonly #counts = new Uint32Array(BINS_PER_DOUBLING * DOUBLINGS)
  #total = 0
  #max = 0

  get total(): number {
    return this.#total
  }

  add(milliseconds: number): void {
    const bin = Math.floor(Math.log2(milliseconds + 1) * BINS_PER_DOUBLING)
    const within = Math.min(this.#counts.length - 1, Math.max(0, bin))
    this.#counts[within] = (this.#counts[within] as number) + 1
    this.#total++
    if (milliseconds > this.#max) this.#max = milliseconds
  }

  get quantiles(): Quantiles {
    const at = (part: number) => {
      const upper = 2 ** ((binAt(this.#counts, this.#total, part) + 1) / BINS_PER_DOUBLING) - 1
      return this.#total === 0 ? 0 : Math.min(this.#max, upper)
    }
    return { p50: at(0.5), p95: at(0.95), max: this.#max }
  }
}

/** Returns the bin of a quantile. */
function binAt(counts: Uint32Array, total: number, part: number): number {
  const wanted = Math.ceil(total * part)
  let seen = 0
  for (const [bin, count] of counts.entries()) {
    seen += count
    if (seen >= wanted && seen > 0) return bin
  }
  return 0
}
