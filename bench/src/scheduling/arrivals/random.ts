/**
 * Seeded random numbers. The same seed gives the same numbers on every machine (mulberry32, a
 * generator in the public domain by Tommy Ettinger).
 */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = Math.imul(seed, 0x9e37_79b1) >>> 0
  }

  /** Returns a number from 0 to below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b_79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** Returns an integer from 0 to below `below`. */
  below(below: number): number {
    return Math.floor(this.next() * below)
  }

  /** Returns a value of the exponential distribution. */
  exponential(mean: number): number {
    return -Math.log(1 - this.next()) * mean
  }

  /** Returns a value of the standard normal distribution (Box and Muller 1958). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next())
  }

  logNormal(median: number, sigma: number): number {
    return median * Math.exp(sigma * this.normal())
  }

  /** Returns a value of the gamma distribution (Marsaglia and Tsang 2000). */
  gamma(shape: number, mean: number): number {
    const scale = mean / shape
    if (shape < 1) return this.gamma(shape + 1, scale * (shape + 1)) * this.next() ** (1 / shape)
    const d = shape - 1 / 3
    const c = 1 / Math.sqrt(9 * d)
    for (;;) {
      const x = this.normal()
      const v = (1 + c * x) ** 3
      if (v > 0 && Math.log(1 - this.next()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v * scale
    }
  }
}
