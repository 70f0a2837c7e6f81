import { OFFSET_MASK, type SlotArena } from './slot-arena.js'

/** The most entries of a log that is stored here. Larger logs are objects. */
const MAX_ENTRIES = 1024
/** Entries per page, 192 KiB. */
const PAGE_BITS = 14
const PAGE = 1 << PAGE_BITS

/** Ring capacities. Each is at most a quarter above the one before, so 12 bytes become at most 16. */
const CAPACITIES = [0, 1]
while ((CAPACITIES.at(-1) as number) < MAX_ENTRIES) {
  const last = CAPACITIES.at(-1) as number
  CAPACITIES.push(Math.min(MAX_ENTRIES, Math.max(last + 1, Math.floor(last * 1.25))))
}

/**
 * Stores the entries of sliding logs in rings of numbers: 8 bytes for the time of an entry and 4
 * for its cost. The header of a ring is in the slot of the key:
 *
 *     numbers[4·i]        units in use
 *     words[8·i + 2]      capacity class (5 bits), head (10 bits) and length (11 bits)
 *     words[8·i + 3]      position of the ring
 */
export class LogArena {
  readonly #times: Float64Array[] = []
  readonly #costs: Uint32Array[] = []
  #used = 0
  /** The first free ring of each class, or -1. The time of its first entry links to the next one. */
  readonly #free: number[] = CAPACITIES.map(() => -1)

  constructor(private readonly slots: SlotArena) {}

  /** Initializes the slot of a new key. */
  open(slot: number): void {
    this.slots.numbersOf(slot)[(slot & OFFSET_MASK) * 4] = 0
    this.#setHeader(slot, 0, 0, 0)
  }

  /** Frees the entries of a slot. */
  free(slot: number): void {
    this.#release(this.#header(slot) >>> 21, this.#position(slot))
    this.open(slot)
  }

  length(slot: number): number {
    return this.#header(slot) & 0x7ff
  }

  units(slot: number): number {
    return this.slots.numbersOf(slot)[(slot & OFFSET_MASK) * 4] as number
  }

  timeOf(slot: number, entry: number): number {
    const place = this.#place(slot, entry)
    return (this.#times[place >>> PAGE_BITS] as Float64Array)[place & (PAGE - 1)] as number
  }

  costOf(slot: number, entry: number): number {
    const place = this.#place(slot, entry)
    return (this.#costs[place >>> PAGE_BITS] as Uint32Array)[place & (PAGE - 1)] as number
  }

  /** Removes the entries that are as old as a period. */
  expire(slot: number, now: number, period: number): void {
    let length = this.length(slot)
    if (length === 0 || now - this.timeOf(slot, 0) < period) return
    let units = this.units(slot)
    while (length > 0 && now - this.timeOf(slot, 0) >= period) {
      units -= this.costOf(slot, 0)
      const header = this.#header(slot)
      const capacity = CAPACITIES[header >>> 21] as number
      const head = (header >>> 11) & 0x3ff
      length--
      this.#setHeader(slot, header >>> 21, head + 1 === capacity ? 0 : head + 1, length)
    }
    this.slots.numbersOf(slot)[(slot & OFFSET_MASK) * 4] = units
  }

  /** Returns the time of the first entry that has units; 0 without one. */
  firstTime(slot: number): number {
    const length = this.length(slot)
    for (let entry = 0; entry < length; entry++)
      if (this.costOf(slot, entry) > 0) return this.timeOf(slot, entry)
    return 0
  }

  /** Reports whether another entry with this cost can be added. */
  hasRoom(slot: number, cost: number): boolean {
    return cost <= 0xffff_ffff && this.length(slot) < MAX_ENTRIES
  }

  /** Adds an entry for which there is room, at the end. */
  append(slot: number, time: number, cost: number): void {
    const header = this.#header(slot)
    const length = header & 0x7ff
    if (length === CAPACITIES[header >>> 21]) this.#grow(slot)
    const grown = this.#header(slot)
    this.#setHeader(slot, grown >>> 21, (grown >>> 11) & 0x3ff, length + 1)
    const place = this.#place(slot, length)
    ;(this.#times[place >>> PAGE_BITS] as Float64Array)[place & (PAGE - 1)] = time
    this.#setCost(place, cost)
    const numbers = this.slots.numbersOf(slot)
    const offset = (slot & OFFSET_MASK) * 4
    numbers[offset] = (numbers[offset] as number) + cost
  }

  /** Refunds up to `amount` units of the entries at a time, and removes empty entries at the end. */
  refund(slot: number, at: number, amount: number): void {
    let left = amount
    for (let entry = this.length(slot) - 1; entry >= 0 && left > 0; entry--) {
      const time = this.timeOf(slot, entry)
      if (time < at) break
      if (time > at) continue
      const refund = Math.min(left, this.costOf(slot, entry))
      this.#setCost(this.#place(slot, entry), this.costOf(slot, entry) - refund)
      left -= refund
    }
    const header = this.#header(slot)
    let length = header & 0x7ff
    while (length > 0 && this.costOf(slot, length - 1) === 0) length--
    this.#setHeader(slot, header >>> 21, (header >>> 11) & 0x3ff, length)
    const numbers = this.slots.numbersOf(slot)
    const offset = (slot & OFFSET_MASK) * 4
    numbers[offset] = (numbers[offset] as number) - (amount - left)
  }

  #grow(slot: number): void {
    const header = this.#header(slot)
    const size = header >>> 21
    const length = header & 0x7ff
    const ring = this.#allocate(size + 1)
    const [times, costs] = [this.#times[ring >>> PAGE_BITS], this.#costs[ring >>> PAGE_BITS]]
    for (let entry = 0; entry < length; entry++) {
      ;(times as Float64Array)[(ring & (PAGE - 1)) + entry] = this.timeOf(slot, entry)
      ;(costs as Uint32Array)[(ring & (PAGE - 1)) + entry] = this.costOf(slot, entry)
    }
    this.#release(size, this.#position(slot))
    this.#setHeader(slot, size + 1, 0, length)
    this.slots.wordsOf(slot)[(slot & OFFSET_MASK) * 8 + 3] = ring
  }

  /** Returns the position of a free ring. A ring is in one page. */
  #allocate(size: number): number {
    const free = this.#free[size] as number
    if (free !== -1) {
      this.#free[size] = (this.#times[free >>> PAGE_BITS] as Float64Array)[free & (PAGE - 1)] as number
      return free
    }
    const capacity = CAPACITIES[size] as number
    if ((this.#used & (PAGE - 1)) + capacity > PAGE) this.#used = (this.#used | (PAGE - 1)) + 1
    if (this.#used >>> PAGE_BITS === this.#times.length) {
      this.#times.push(new Float64Array(PAGE))
      this.#costs.push(new Uint32Array(PAGE))
    }
    const ring = this.#used
    this.#used += capacity
    return ring
  }

  #release(size: number, ring: number): void {
    if (size === 0) return
    ;(this.#times[ring >>> PAGE_BITS] as Float64Array)[ring & (PAGE - 1)] = this.#free[size] as number
    this.#free[size] = ring
  }

  #setCost(place: number, cost: number): void {
    ;(this.#costs[place >>> PAGE_BITS] as Uint32Array)[place & (PAGE - 1)] = cost
  }

  #place(slot: number, entry: number): number {
    const header = this.#header(slot)
    const capacity = CAPACITIES[header >>> 21] as number
    const index = ((header >>> 11) & 0x3ff) + entry
    return this.#position(slot) + (index >= capacity ? index - capacity : index)
  }

  #header(slot: number): number {
    return this.slots.wordsOf(slot)[(slot & OFFSET_MASK) * 8 + 2] as number
  }

  #position(slot: number): number {
    return this.slots.wordsOf(slot)[(slot & OFFSET_MASK) * 8 + 3] as number
  }

  #setHeader(slot: number, size: number, head: number, length: number): void {
    this.slots.wordsOf(slot)[(slot & OFFSET_MASK) * 8 + 2] = (size << 21) | (head << 11) | length
  }
}
