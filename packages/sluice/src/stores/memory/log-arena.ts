import { OFFSET_MASK, type SlotArena } from './slot-arena.js'

/** The largest cost of an entry. */
export const MAX_ENTRY_COST = 0xffff_ffff

/** Entries per page, 256 KiB. */
const PAGE_BITS = 14
const PAGE = 1 << PAGE_BITS
const MASK = PAGE - 1

/**
 * Stores the entries of sliding logs as numbers, 16 bytes each: the time, the cost, and a link to
 * the next entry of the same key. The arena grows by pages, so nothing is ever copied. The header
 * of a list is in the slot of the key:
 *
 *     numbers[4·i]        units in use
 *     words[8·i + 2]      first entry, the oldest one
 *     words[8·i + 3]      last entry
 *
 * Entries are numbered from 1. Every entry of a list has a cost above 0.
 */
export class LogArena {
  readonly #times: Float64Array[] = []
  readonly #costs: Uint32Array[] = []
  readonly #next: Int32Array[] = []
  #used = 1
  /** Head of the list of free entries. */
  #free = 0

  constructor(private readonly slots: SlotArena) {}

  /** Initializes the slot of a new key. */
  open(slot: number): void {
    this.#setUnits(slot, 0)
    this.#setEnds(slot, 0, 0)
  }

  /** Frees the entries of a slot. */
  free(slot: number): void {
    const last = this.last(slot)
    if (last !== 0) {
      this.#setNext(last, this.#free)
      this.#free = this.first(slot)
    }
    this.open(slot)
  }

  first(slot: number): number {
    return this.slots.wordsOf(slot)[(slot & OFFSET_MASK) * 8 + 2] as number
  }

  last(slot: number): number {
    return this.slots.wordsOf(slot)[(slot & OFFSET_MASK) * 8 + 3] as number
  }

  units(slot: number): number {
    return this.slots.numbersOf(slot)[(slot & OFFSET_MASK) * 4] as number
  }

  timeOf(entry: number): number {
    return (this.#times[entry >>> PAGE_BITS] as Float64Array)[entry & MASK] as number
  }

  costOf(entry: number): number {
    return (this.#costs[entry >>> PAGE_BITS] as Uint32Array)[entry & MASK] as number
  }

  /** Returns the next entry of the same key, or 0. */
  next(entry: number): number {
    return (this.#next[entry >>> PAGE_BITS] as Int32Array)[entry & MASK] as number
  }

  /** Removes the entries that are at least a period old. */
  expire(slot: number, now: number, period: number): void {
    let entry = this.first(slot)
    if (entry === 0 || now - this.timeOf(entry) < period) return
    let units = this.units(slot)
    const last = this.last(slot)
    while (entry !== 0 && now - this.timeOf(entry) >= period) {
      units -= this.costOf(entry)
      const next = entry === last ? 0 : this.next(entry)
      this.#setNext(entry, this.#free)
      this.#free = entry
      entry = next
    }
    this.#setUnits(slot, units)
    this.#setEnds(slot, entry, entry === 0 ? 0 : last)
  }

  /** Adds an entry at the end, with a cost of at most `MAX_ENTRY_COST`. */
  append(slot: number, time: number, cost: number): void {
    let entry = this.#free
    if (entry !== 0) this.#free = this.next(entry)
    else {
      entry = this.#used++
      if (entry >>> PAGE_BITS === this.#times.length) {
        this.#times.push(new Float64Array(PAGE))
        this.#costs.push(new Uint32Array(PAGE))
        this.#next.push(new Int32Array(PAGE))
      }
    }
    ;(this.#times[entry >>> PAGE_BITS] as Float64Array)[entry & MASK] = time
    this.#setCost(entry, cost)
    this.#setNext(entry, 0)
    const last = this.last(slot)
    if (last !== 0) this.#setNext(last, entry)
    this.#setEnds(slot, last === 0 ? entry : this.first(slot), entry)
    this.#setUnits(slot, this.units(slot) + cost)
  }

  /** Refunds up to `amount` units of the entries with the time `at`. Removes entries of cost 0. */
  refund(slot: number, at: number, amount: number): void {
    let left = amount
    let first = 0
    let last = 0
    for (let entry = this.first(slot); entry !== 0; ) {
      const next = this.next(entry)
      if (this.timeOf(entry) === at) {
        const refund = Math.min(left, this.costOf(entry))
        this.#setCost(entry, this.costOf(entry) - refund)
        left -= refund
      }
      if (this.costOf(entry) === 0) {
        this.#setNext(entry, this.#free)
        this.#free = entry
      } else {
        if (last === 0) first = entry
        else this.#setNext(last, entry)
        last = entry
      }
      entry = next
    }
    if (last !== 0) this.#setNext(last, 0)
    this.#setUnits(slot, this.units(slot) - (amount - left))
    this.#setEnds(slot, first, last)
  }

  #setCost(entry: number, cost: number): void {
    ;(this.#costs[entry >>> PAGE_BITS] as Uint32Array)[entry & MASK] = cost
  }

  #setNext(entry: number, next: number): void {
    ;(this.#next[entry >>> PAGE_BITS] as Int32Array)[entry & MASK] = next
  }

  #setUnits(slot: number, units: number): void {
    this.slots.numbersOf(slot)[(slot & OFFSET_MASK) * 4] = units
  }

  #setEnds(slot: number, first: number, last: number): void {
    const words = this.slots.wordsOf(slot)
    const offset = (slot & OFFSET_MASK) * 8
    words[offset + 2] = first
    words[offset + 3] = last
  }
}
