import type { FixedWindowLimit } from '../../src/limits/limit.js'
import { type Entry, type Model, singleEntry, type Usage, windowStart } from './model.js'

/** A window that opens with the first charge outside any window and closes a period later. */
export class FixedWindowModel implements Model<FixedWindowLimit> {
  #history: Entry[] = []
  #last = 0
  readonly #period: number

  constructor({ period }: FixedWindowLimit) {
    this.#period = period
  }

  used(now: number): number {
    const { opened, count } = this.#lastWindow()
    return now < opened + this.#period ? count : 0
  }

  take(now: number, cost: number): void {
    this.#history.push({ at: now, cost })
    this.#last = now
  }

  takeUnderOther(now: number, cost: number): void {
    this.take(now, cost)
  }

  /** Moves a window that starts in the future to the current time. */
  setBack(from: number, to: number): void {
    const count = this.used(from)
    this.#history = singleEntry(Math.min(to, this.#lastWindow().opened), count)
    this.#last = to
  }

  usage(now: number): Usage | undefined {
    const units = this.used(now)
    return units === 0 ? undefined : { units, first: this.#lastWindow().opened, last: this.#last }
  }

  begin(_now: number, usage: Usage): void {
    this.#history = singleEntry(windowStart(usage, this.#period), usage.units)
    this.#last = usage.last
  }

  expiresAt(): number {
    return this.#lastWindow().opened + this.#period
  }

  #lastWindow(): { readonly opened: number; readonly count: number } {
    let opened = Number.NEGATIVE_INFINITY
    let count = 0
    for (const { at, cost } of this.#history) {
      if (at >= opened + this.#period) {
        opened = at
        count = 0
      }
      count += cost
    }
    return { opened, count }
  }
}
