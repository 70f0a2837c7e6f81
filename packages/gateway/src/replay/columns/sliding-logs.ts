import { type EntryPool, NONE } from './entry-pool.js'
import type { SlotColumns } from './slot-columns.js'

/** What is kept of a log. */
const SUM = 0
const HEAD = 1
const TAIL = 2
/** The time of the first entry; Infinity where there is none. */
const SINCE = 3

/** Numbers that are kept of a log. */
export const LOG_NUMBERS = 4

/**
 * A log for each of many slots, in the numbers that are kept of them: what was taken in the trailing period (now − period, now], exactly, with an entry for each that took. Times
 * only rise.
 */
export class SlidingLogs {
  /**
   * @param entries where those of all slots are, and of whoever else counts in them
   * @param from the first of the numbers that a log has for itself
   */
  constructor(
    private readonly entries: EntryPool,
    private readonly numbers: SlotColumns,
    private readonly from = 0,
  ) {}

  /** Begins the log of a slot, without an entry. */
  begin(slot: number): void {
    this.#empty(slot)
  }

  /** Gives the entries of a slot back. */
  end(slot: number): void {
    for (let entry = this.#get(slot, HEAD); entry !== NONE; ) {
      const next = this.entries.next(entry)
      this.entries.remove(entry)
      entry = next
    }
    this.#empty(slot)
  }

  /** What counts at a time. */
  sumAt(slot: number, now: number, period: number): number {
    if (now - this.#get(slot, SINCE) >= period) this.#forget(slot, now, period)
    return this.#get(slot, SUM)
  }

  /** @returns the entry, by which it is found again */
  add(slot: number, now: number, cost: number): number {
    const entry = this.entries.add(now, cost)
    const tail = this.#get(slot, TAIL)
    if (tail === NONE) {
      this.#set(slot, HEAD, entry)
      this.#set(slot, SINCE, now)
    } else this.entries.setNext(tail, entry)
    this.#set(slot, TAIL, entry)
    this.#set(slot, SUM, this.#get(slot, SUM) + cost)
    return entry
  }

  /**
   * Gives back what an entry took too much. One that no longer counts has nothing to give back.
   *
   * @param at the time of the entry
   */
  lower(slot: number, entry: number, at: number, to: number): void {
    // Another that has its place came later.
    if (this.entries.at(entry) !== at) return
    this.#set(slot, SUM, this.#get(slot, SUM) - (this.entries.cost(entry) - to))
    this.entries.setCost(entry, to)
  }

  /** Takes out what no longer counts. */
  #forget(slot: number, now: number, period: number): void {
    let head = this.#get(slot, HEAD)
    let sum = this.#get(slot, SUM)
    while (head !== NONE && now - this.entries.at(head) >= period) {
      sum -= this.entries.cost(head)
      const next = this.entries.next(head)
      this.entries.remove(head)
      head = next
    }
    if (head === NONE) this.#empty(slot)
    else {
      this.#set(slot, HEAD, head)
      this.#set(slot, SINCE, this.entries.at(head))
      this.#set(slot, SUM, sum)
    }
  }

  #get(slot: number, which: number): number {
    return this.numbers.get(slot, this.from + which)
  }

  #set(slot: number, which: number, value: number): void {
    this.numbers.set(slot, this.from + which, value)
  }

  #empty(slot: number): void {
    // What is left of a sum of fractions would stay for ever.
    this.#set(slot, SUM, 0)
    this.#set(slot, HEAD, NONE)
    this.#set(slot, TAIL, NONE)
    this.#set(slot, SINCE, Number.POSITIVE_INFINITY)
  }
}
