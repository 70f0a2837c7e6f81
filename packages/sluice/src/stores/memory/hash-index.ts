import type { SlotArena } from './slot-arena.js'

/**
 * Initial number of buckets, which take 64 KiB. Few keys then share a bucket, so a decision takes 6
 * % less time than with 256 buckets. The bucket always determines the low 8 bits of a hash, so
 * slots do not store them.
 */
const INITIAL_BUCKETS = 1 << 14
/**
 * Maximum average number of keys per bucket. At 1, a key takes 41 bytes; at 2, a lookup takes 10 ns
 * longer.
 */
const MAX_LOAD = 1.25

/** Buckets per chunk, 64 KiB. */
const CHUNK_BITS = 14
const CHUNK = 1 << CHUNK_BITS

/**
 * Maps the hash of a key to its slot: linear hashing (Litwin, VLDB 1980) with chaining. The table
 * grows by one bucket at a time, so no insertion pays for rehashing all keys. A `Map` pauses for
 * 0.7 s when it rehashes millions of keys.
 *
 * The last slot of a chain links to its bucket as `~bucket`, a negative number. So a slot can be
 * removed without its key.
 */
export class HashIndex {
  readonly #chunks: Int32Array[] = [new Int32Array(CHUNK)]
  /** Number of buckets at the start of this round of growth; a power of two. */
  #size = INITIAL_BUCKETS
  /** Number of buckets split in this round. */
  #split = 0
  #count = 0

  constructor(private readonly slots: SlotArena) {}

  get count(): number {
    return this.#count
  }

  /** Returns the slot of the key with this hash, or 0. */
  find(low: number, high: number): number {
    // Inlined by hand, because V8 does not inline the helper methods here.
    let bucket = low & (2 * this.#size - 1)
    if (bucket >= this.#size + this.#split) bucket -= this.#size
    const chunk = this.#chunks[bucket >>> CHUNK_BITS] as Int32Array
    return this.slots.seek(chunk[bucket & (CHUNK - 1)] as number, low, high)
  }

  /** Adds a slot for the key with this hash, which must not have one. */
  add(slot: number, low: number, high: number): void {
    this.slots.setHash(slot, low, high)
    this.#prepend(this.#bucketOf(low), slot)
    this.#count++
    if (this.#count > MAX_LOAD * (this.#size + this.#split)) this.#grow()
  }

  remove(slot: number): void {
    const { slots } = this
    let end = slots.link(slot)
    while (end > 0) end = slots.link(end)
    const bucket = ~end
    const first = this.#first(bucket)
    if (first === slot) this.#setFirst(bucket, Math.max(0, slots.link(slot)))
    else {
      let before = first
      while (slots.link(before) !== slot) before = slots.link(before)
      slots.setLink(before, slots.link(slot))
    }
    this.#count--
  }

  #bucketOf(low: number): number {
    const bucket = low & (2 * this.#size - 1)
    return bucket < this.#size + this.#split ? bucket : bucket - this.#size
  }

  /** Splits the next bucket in two by one more bit of the hashes. */
  #grow(): void {
    const old = this.#split
    const added = this.#size + old
    if (added >>> CHUNK_BITS === this.#chunks.length) this.#chunks.push(new Int32Array(CHUNK))
    let slot = this.#first(old)
    this.#setFirst(old, 0)
    while (slot > 0) {
      const next = this.slots.link(slot)
      this.#prepend((this.slots.low(slot) & this.#size) === 0 ? old : added, slot)
      slot = next
    }
    this.#split++
    if (this.#split === this.#size) {
      this.#size *= 2
      this.#split = 0
    }
  }

  #prepend(bucket: number, slot: number): void {
    const first = this.#first(bucket)
    this.slots.setLink(slot, first === 0 ? ~bucket : first)
    this.#setFirst(bucket, slot)
  }

  #first(bucket: number): number {
    return (this.#chunks[bucket >>> CHUNK_BITS] as Int32Array)[bucket & (CHUNK - 1)] as number
  }

  #setFirst(bucket: number, slot: number): void {
    const chunk = this.#chunks[bucket >>> CHUNK_BITS] as Int32Array
    chunk[bucket & (CHUNK - 1)] = slot
  }
}
