import type { SlidingLogLimit } from '../../src/limits/limit.js'
import { type Entry, type Model, singleEntry, sumOf, type Usage } from './model.js'

/** Counts the charges of the trailing period. Entries are kept for the longest period in use. */
export class SlidingLogModel implements Model<SlidingLogLimit> {
  #history: Entry[] = []
  /** Time for which entries are retained, in milliseconds. */
  #retention: number
  /** Time from which a shorter retention applies; 0 until a charge under a shorter period. */
  #retentionEnd = 0

  constructor({ period }: SlidingLogLimit) {
    this.#retention = period
  }

  used(now: number, { period }: SlidingLogLimit): number {
    return sumOf(this.#retained(now).filter(({ at }) => now - at < period))
  }

  take(now: number, cost: number, { period }: SlidingLogLimit): void {
    this.#history = this.#retained(now)
    if (this.#history.length === 0 || period >= this.#retention || this.#isRetentionOver(now)) {
      this.#retention = period
      this.#retentionEnd = 0
    } else if (this.#retentionEnd === 0) this.#retentionEnd = this.#last() + this.#retention
    this.#history.push({ at: now, cost })
  }

  /**
   * With `limit.limit` entries or more, merges a charge into the last entry if the entry before it
   * is less than 1/64 of a period old.
   */
  takeUnderOther(now: number, cost: number, limit: SlidingLogLimit): void {
    this.take(now, cost, limit)
    const before = this.#history.slice(0, -1)
    const [last, lastButOne] = [before.at(-1), before.at(-2)]
    if (last === undefined || lastButOne === undefined || before.length < limit.limit) return
    if (now - lastButOne.at >= limit.period / 64) return
    this.#history = [...before.slice(0, -1), { at: now, cost: last.cost + cost }]
  }

  /** Moves future entries to the current time. */
  setBack(from: number, to: number): void {
    this.#history = this.#retained(from).map(({ at, cost }) => ({ at: Math.min(at, to), cost }))
    this.#retentionEnd = Math.min(this.#retentionEnd, to + this.#retention)
  }

  usage(now: number): Usage | undefined {
    const retained = this.#retained(now)
    const [first] = retained
    return first && { units: sumOf(retained), first: first.at, last: this.#last() }
  }

  begin(_now: number, { units, last }: Usage): void {
    this.#history = singleEntry(last, units)
  }

  expiresAt(): number {
    return this.#last() + this.#retention
  }

  #retained(now: number): Entry[] {
    return this.#history.filter(({ at }) => now - at < this.#retention)
  }

  #last(): number {
    return this.#history.at(-1)?.at ?? Number.NEGATIVE_INFINITY
  }

  #isRetentionOver(now: number): boolean {
    return this.#retentionEnd > 0 && now >= this.#retentionEnd
  }
}
