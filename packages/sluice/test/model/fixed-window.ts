import type { FixedWindowLimit } from '../../src/limits/limit.js'
import { allAt, type Entry, growth, type Model, stretched } from './model.js'

/** A window opens with the first charge that is in none, and closes a period later. */
export class FixedWindowModel implements Model<FixedWindowLimit> {
  #history: Entry[] = []

  constructor(private limit: FixedWindowLimit) {}

  used(now: number): number {
    const { opened, count } = this.#lastWindow()
    return now < opened + this.limit.period ? count : 0
  }

  take(now: number, cost: number): void {
    this.#history.push({ at: now, cost })
  }

  /** A window that opened later than now opens now. */
  setBack(from: number, to: number): void {
    const count = this.used(from)
    this.#history = allAt(Math.min(to, this.#lastWindow().opened), count)
  }

  change(now: number, limit: FixedWindowLimit): void {
    const count = this.used(now)
    const opened = stretched(this.#lastWindow().opened, now, limit.period / this.limit.period)
    this.#history = allAt(opened, count * growth(this.limit, limit))
    this.limit = limit
  }

  #lastWindow(): { readonly opened: number; readonly count: number } {
    let opened = Number.NEGATIVE_INFINITY
    let count = 0
    for (const { at, cost } of this.#history) {
      if (at >= opened + this.limit.period) {
        opened = at
        count = 0
      }
      count += cost
    }
    return { opened, count }
  }
}
