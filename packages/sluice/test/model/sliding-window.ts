import type { SlidingWindowLimit } from '../../src/limits/limit.js'
import { growth, type Model, stretched } from './model.js'

/** Windows follow one on the other from a first charge; the one before counts for the part of it that the trailing period holds. */
export class SlidingWindowModel implements Model<SlidingWindowLimit> {
  #first = 0
  /** What came in each window, by its number. */
  #counts = new Map<number, number>()

  constructor(private limit: SlidingWindowLimit) {}

  used(now: number): number {
    const { start, previous, current } = this.#at(now)
    return previous * (1 - (now - start) / this.limit.period) + current
  }

  take(now: number, cost: number): void {
    const { previous, current } = this.#at(now)
    if (previous === 0 && current === 0) this.#restart(now, 0, 0)
    const { window } = this.#at(now)
    this.#counts.set(window, (this.#counts.get(window) ?? 0) + cost)
  }

  /** A window that begins later than now begins now. */
  setBack(from: number, to: number): void {
    const { start, previous, current } = this.#at(from)
    this.#restart(Math.min(start, to), previous, current)
  }

  change(now: number, limit: SlidingWindowLimit): void {
    const { start, previous, current } = this.#at(now)
    const times = growth(this.limit, limit)
    const begun = stretched(start, now, limit.period / this.limit.period)
    this.limit = limit
    this.#restart(begun, previous * times, current * times)
  }

  #at(now: number) {
    const window = Math.floor((now - this.#first) / this.limit.period)
    return {
      window,
      start: this.#first + window * this.limit.period,
      previous: this.#counts.get(window - 1) ?? 0,
      current: this.#counts.get(window) ?? 0,
    }
  }

  #restart(start: number, previous: number, current: number): void {
    this.#first = start
    this.#counts = new Map([
      [-1, previous],
      [0, current],
    ])
  }
}
