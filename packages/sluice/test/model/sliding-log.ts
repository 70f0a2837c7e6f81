import type { SlidingLogLimit } from '../../src/limits/limit.js'
import { type Entry, growth, type Model, stretched, sumOf } from './model.js'

/** What came in the period that ends now. */
export class SlidingLogModel implements Model<SlidingLogLimit> {
  #history: Entry[] = []

  constructor(private limit: SlidingLogLimit) {}

  used(now: number): number {
    return sumOf(this.#trailing(now))
  }

  take(now: number, cost: number): void {
    this.#history.push({ at: now, cost })
  }

  /** What is dated later than now came now. */
  setBack(from: number, to: number): void {
    this.#history = this.#trailing(from).map(({ at, cost }) => ({ at: Math.min(at, to), cost }))
  }

  change(now: number, limit: SlidingLogLimit): void {
    const times = limit.period / this.limit.period
    this.#history = this.#trailing(now).map(({ at, cost }) => ({
      at: stretched(at, now, times),
      cost: cost * growth(this.limit, limit),
    }))
    this.limit = limit
  }

  #trailing(now: number): Entry[] {
    return this.#history.filter(({ at }) => now - at < this.limit.period)
  }
}
