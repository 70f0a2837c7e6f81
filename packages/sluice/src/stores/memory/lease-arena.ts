import { OFFSET_MASK, type SlotArena } from './slot-arena.js'

/** The id of a lease is its serial number times this factor, plus its first index. */
const INDEXES = 2 ** 24
/** Serial numbers restart after this one, so that ids stay exact as doubles. */
const SERIALS = 2 ** 28

/**
 * Stores the leases of slots as numbers, 32 bytes each. The leases of a key form a list in the
 * order of their ends. The header of the list is in the slot of the key:
 *
 *     words[8·i]          first lease
 *     words[8·i + 1]      last lease
 *     numbers[4·i + 1]    slots held
 */
export class LeaseArena {
  #ids = new Float64Array(64)
  #ends = new Float64Array(64)
  #held = new Float64Array(64)
  #next = new Int32Array(64)
  #previous = new Int32Array(64)
  #used = 1
  /** Head of the list of free leases. */
  #free = 0
  #serial = 0

  constructor(private readonly slots: SlotArena) {}

  /** Initializes the slot of a new key. */
  open(slot: number): void {
    this.#setEnds(slot, 0, 0)
    this.#setSlots(slot, 0)
  }

  /** Frees the leases of a slot. */
  free(slot: number): void {
    for (let lease = this.first(slot); lease !== 0; lease = this.first(slot)) this.remove(slot, lease)
  }

  first(slot: number): number {
    return this.slots.wordsOf(slot)[(slot & OFFSET_MASK) * 8] as number
  }

  last(slot: number): number {
    return this.slots.wordsOf(slot)[(slot & OFFSET_MASK) * 8 + 1] as number
  }

  next(lease: number): number {
    return this.#next[lease] as number
  }

  /** Returns the number of slots that are held. */
  slotsOf(slot: number): number {
    return this.slots.numbersOf(slot)[(slot & OFFSET_MASK) * 4 + 1] as number
  }

  endOf(lease: number): number {
    return this.#ends[lease] as number
  }

  heldBy(lease: number): number {
    return this.#held[lease] as number
  }

  idOf(lease: number): number {
    return this.#ids[lease] as number
  }

  /** Returns the lease of a slot with this id, or 0 if the lease has ended. */
  find(slot: number, id: number): number {
    if (this.#ids[id % INDEXES] === id) return id % INDEXES
    // A lease that was stored again has a different index.
    let lease = this.last(slot)
    while (lease !== 0 && this.#ids[lease] !== id) lease = this.#previous[lease] as number
    return lease
  }

  /**
   * Adds a lease that ends after all others, and returns its id.
   *
   * @param known the id of a lease that is stored again
   */
  add(slot: number, end: number, held: number, known?: number): number {
    let lease = this.#free
    if (lease !== 0) this.#free = this.#next[lease] as number
    else {
      lease = this.#used++
      if (lease === this.#ids.length) this.#grow()
    }
    if (known === undefined) this.#serial = (this.#serial % SERIALS) + 1
    const id = known ?? this.#serial * INDEXES + lease
    this.#ids[lease] = id
    this.#held[lease] = held
    this.#setSlots(slot, this.slotsOf(slot) + held)
    this.#append(slot, lease, end)
    return id
  }

  /** Moves a lease to the end of the list. */
  renew(slot: number, lease: number, end: number): void {
    this.#unlink(slot, lease)
    this.#append(slot, lease, end)
  }

  /** Removes a lease and frees its slots. */
  remove(slot: number, lease: number): void {
    this.#unlink(slot, lease)
    this.#setSlots(slot, this.slotsOf(slot) - this.heldBy(lease))
    this.#ids[lease] = 0
    this.#next[lease] = this.#free
    this.#free = lease
  }

  /** Removes the leases that have ended. */
  expire(slot: number, now: number): void {
    for (let lease = this.first(slot); lease !== 0 && this.endOf(lease) <= now; lease = this.first(slot))
      this.remove(slot, lease)
  }

  #append(slot: number, lease: number, end: number): void {
    const last = this.last(slot)
    this.#ends[lease] = end
    this.#next[lease] = 0
    this.#previous[lease] = last
    if (last !== 0) this.#next[last] = lease
    this.#setEnds(slot, last === 0 ? lease : this.first(slot), lease)
  }

  #unlink(slot: number, lease: number): void {
    const previous = this.#previous[lease] as number
    const next = this.#next[lease] as number
    if (previous !== 0) this.#next[previous] = next
    if (next !== 0) this.#previous[next] = previous
    this.#setEnds(slot, previous === 0 ? next : this.first(slot), next === 0 ? previous : this.last(slot))
  }

  #setEnds(slot: number, first: number, last: number): void {
    const words = this.slots.wordsOf(slot)
    const offset = (slot & OFFSET_MASK) * 8
    words[offset] = first
    words[offset + 1] = last
  }

  #setSlots(slot: number, held: number): void {
    this.slots.numbersOf(slot)[(slot & OFFSET_MASK) * 4 + 1] = held
  }

  #grow(): void {
    // Grows by a quarter, so that a lease takes up to 40 bytes.
    const size = Math.ceil(this.#ids.length * 1.25)
    const copy = <T extends Float64Array | Int32Array>(to: T, from: T): T => {
      to.set(from)
      return to
    }
    this.#ids = copy(new Float64Array(size), this.#ids)
    this.#ends = copy(new Float64Array(size), this.#ends)
    this.#held = copy(new Float64Array(size), this.#held)
    this.#next = copy(new Int32Array(size), this.#next)
    this.#previous = copy(new Int32Array(size), this.#previous)
  }
}
