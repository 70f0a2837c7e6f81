import type { SlidingLogLimit } from '../../src/limits/limit.js'
import { type Entry, type Model, singleEntry, sumOf, type Usage } from './model.js'

/** The charges of the period that ends now. Charges older than every period in use are dropped. */
export class SlidingLogModel implements Model<SlidingLogLimit> {
  #history: Entry[] = []
  /** The retention of entries and its end; 0 if no charge under a shorter period followed. */
  #keptFor: number
  #keptUntil = 0

  constructor({ period }: SlidingLogLimit) {
    this.#keptFor = period
  }

  used(now: number, { period }: SlidingLogLimit): number {
    return sumOf(this.#kept(now).filter(({ at }) => now - at < period))
  }

  take(now: number, cost: number, { period }: SlidingLogLimit): void {
    this.#history = this.#kept(now)
    if (this.#history.length === 0 || period >= this.#keptFor || this.#isOver(now)) {
      this.#keptFor = period
      this.#keptUntil = 0
    } else if (this.#keptUntil === 0) this.#keptUntil = this.#last() + this.#keptFor
    this.#history.push({ at: now, cost })
  }

  /** Beyond the limit's number of entries, merges those within 1/64 of a period into the last. */
  takeUnderOther(now: number, cost: number, limit: SlidingLogLimit): void {
    this.take(now, cost, limit)
    const before = this.#history.slice(0, -1)
    const [last, lastButOne] = [before.at(-1), before.at(-2)]
    if (last === undefined || lastButOne === undefined || before.length < limit.limit) return
    if (now - lastButOne.at >= limit.period / 64) return
    this.#history = [...before.slice(0, -1), { at: now, cost: last.cost + cost }]
  }

  /** Gives entries later than now the current time. */
  setBack(from: number, to: number): void {
    this.#history = this.#kept(from).map(({ at, cost }) => ({ at: Math.min(at, to), cost }))
    this.#keptUntil = Math.min(this.#keptUntil, to + this.#keptFor)
  }

  usage(now: number): Usage | undefined {
    const kept = this.#kept(now)
    const [first] = kept
    return first && { units: sumOf(kept), first: first.at, last: this.#last() }
  }

  begin(_now: number, { units, last }: Usage): void {
    this.#history = singleEntry(last, units)
  }

  expiresAt(): number {
    return this.#last() + this.#keptFor
  }

  #kept(now: number): Entry[] {
    return this.#history.filter(({ at }) => now - at < this.#keptFor)
  }

  #last(): number {
    return this.#history.at(-1)?.at ?? Number.NEGATIVE_INFINITY
  }

  #isOver(now: number): boolean {
    return this.#keptUntil > 0 && now >= this.#keptUntil
  }
}
