import { type EntryPool, NONE } from './entry-pool.js'
import type { SlotColumns } from './slot-columns.js'

/** Columns of a log. */
const SUM = 0
const HEAD = 1
const TAIL = 2
/** Time of the first entry; Infinity if there is none. */
const SINCE = 3

/** Number of columns that each log needs. */
export const LOG_NUMBERS = 4

/**
 * Sliding logs of many slots. Each contains an entry per charge and returns the exact sum over the
 * trailing period (now − period, now]. Times must not decrease.
 */
export class SlidingLogs {
  /**
   * @param entries pool for the entries of all slots; may be shared with other logs
   * @param from index of the first column that the logs use
   */
  constructor(
    private readonly entries: EntryPool,
    private readonly numbers: SlotColumns,
    private readonly from = 0,
  ) {}

  /** Starts an empty log. */
  begin(slot: number): void {
    this.#empty(slot)
  }

  /** Frees the entries of a log. */
  end(slot: number): void {
    for (let entry = this.#get(slot, HEAD); entry !== NONE; ) {
      const next = this.entries.next(entry)
      this.entries.remove(entry)
      entry = next
    }
    this.#empty(slot)
  }

  /** Returns the sum over the period that ends at `now`. */
  sumAt(slot: number, now: number, period: number): number {
    if (now - this.#get(slot, SINCE) >= period) this.#forget(slot, now, period)
    return this.#get(slot, SUM)
  }

  /** Adds a charge. Returns its entry. */
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
   * Lowers the cost of an entry. Does nothing if the entry has left the period.
   *
   * @param at the time of the entry
   */
  lower(slot: number, entry: number, at: number, to: number): void {
    // The entry may have been reused for a later charge.
    if (this.entries.at(entry) !== at) return
    this.#set(slot, SUM, this.#get(slot, SUM) - (this.entries.cost(entry) - to))
    this.entries.setCost(entry, to)
  }

  /** Removes entries that have left the period. */
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

  #get(slot: number, column: number): number {
    return this.numbers.get(slot, this.from + column)
  }

  #set(slot: number, column: number, value: number): void {
    this.numbers.set(slot, this.from + column, value)
  }

  #empty(slot: number): void {
    // Resetting the sum also clears rounding errors of fractional costs.
    this.#set(slot, SUM, 0)
    this.#set(slot, HEAD, NONE)
    this.#set(slot, TAIL, NONE)
    this.#set(slot, SINCE, Number.POSITIVE_INFINITY)
  }
}
