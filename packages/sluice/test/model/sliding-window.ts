import type { SlidingWindowLimit } from '../../src/limits/limit.js'
import { type Model, type Usage, windowStart } from './model.js'

/**
 * Consecutive windows that begin with the first charge. The previous window counts in proportion to
 * its overlap with the trailing period.
 */
export class SlidingWindowModel implements Model<SlidingWindowLimit> {
  #first = 0
  #last = 0
  /** Units charged in each window, by the number of the window. */
  #counts = new Map<number, number>()
  readonly #period: number

  constructor({ period }: SlidingWindowLimit) {
    this.#period = period
  }

  used(now: number): number {
    const { start, previous, current } = this.#at(now)
    return previous * (1 - (now - start) / this.#period) + current
  }

  take(now: number, cost: number): void {
    const { previous, current } = this.#at(now)
    if (previous === 0 && current === 0) this.#restart(now, 0, 0)
    const { window } = this.#at(now)
    this.#counts.set(window, (this.#counts.get(window) ?? 0) + cost)
    this.#last = now
  }

  takeUnderOther(now: number, cost: number): void {
    this.take(now, cost)
  }

  /** Moves a window that starts in the future to the current time. */
  setBack(from: number, to: number): void {
    const { start, previous, current } = this.#at(from)
    this.#restart(Math.min(start, to), previous, current)
    this.#last = to
  }

  usage(now: number): Usage | undefined {
    const { start, previous } = this.#at(now)
    const units = this.used(now)
    const first = previous > 0 ? start - this.#period : start
    return units > 0 ? { units, first, last: this.#last } : undefined
  }

  begin(_now: number, usage: Usage): void {
    this.#restart(windowStart(usage, this.#period), 0, usage.units)
    this.#last = usage.last
  }

  expiresAt(): number {
    const { start, previous, current } = this.#at(this.#last)
    if (current > 0) return start + 2 * this.#period
    return previous > 0 ? start + this.#period : start
  }

  #at(now: number) {
    const window = Math.floor((now - this.#first) / this.#period)
    return {
      window,
      start: this.#first + window * this.#period,
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
