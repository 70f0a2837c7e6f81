/** What is counted of entries over all logs that share a budget. */
export interface Budget {
  /** Entries that may be added yet. */
  left: number
}

/** Entries that no longer count are cut off once they are this many, and half of all. */
const COMPACT_FROM = 32

/** Never written to. */
const NONE: number[] = []

/** What was taken in the trailing period (now − period, now], exactly: an entry for each that took. Times only rise. */
export class TrailingLog {
  /** A time and a cost, in turns. */
  #entries: number[] = NONE
  #head = 0
  /** How many entries have been cut off. */
  #gone = 0
  #sum = 0

  constructor(private readonly budget: Budget) {}

  /** What counts at a time. */
  sumAt(now: number, period: number): number {
    const entries = this.#entries
    let head = this.#head
    while (head < entries.length && now - (entries[head] as number) >= period) {
      this.#sum -= entries[head + 1] as number
      head += 2
    }
    this.budget.left += (head - this.#head) / 2
    this.#head = head
    if (head === entries.length) {
      // What is left of a sum of fractions would stay for ever.
      this.#sum = 0
      this.#gone += head / 2
      this.#head = 0
      this.#entries = NONE
    } else if (head >= COMPACT_FROM && head * 2 >= entries.length) {
      this.#entries = entries.slice(head)
      this.#gone += head / 2
      this.#head = 0
    }
    return this.#sum
  }

  /** @returns the number of the entry, by which it is found again */
  add(now: number, cost: number): number {
    // Most keys have one entry at a time, and an array that grows takes room for many.
    if (this.#entries.length === 0) this.#entries = [now, cost]
    else this.#entries.push(now, cost)
    this.#sum += cost
    this.budget.left--
    return this.#gone + this.#entries.length / 2 - 1
  }

  /** Gives back what an entry took too much. One that no longer counts has nothing to give back. */
  lower(entry: number, to: number): void {
    const at = (entry - this.#gone) * 2
    if (at < this.#head) return
    this.#sum -= (this.#entries[at + 1] as number) - to
    this.#entries[at + 1] = to
  }
}
