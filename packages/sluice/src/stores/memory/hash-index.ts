import type { SlotArena } from './slot-arena.js'

/**
 * Buckets to begin with: 64 KiB. While there are few keys nearly each has one of its own, and a decision takes 6 % less time than in a table that
 * begins with 256; the last 8 bits of a hash are those of its bucket, and need not be kept.
 */
const FIRST_BUCKETS = 1 << 14
/** Keys a bucket on average: a fuller one saves bytes, an emptier one looks. At 1 a key takes 41 bytes, at 2 a look 10 ns more. */
const LOAD = 1.25

/** Buckets of a chunk: 64 KiB. */
const CHUNK_BITS = 14
const CHUNK = 1 << CHUNK_BITS

/**
 * Finds the slot of a key by its hash: linear hashing (Litwin, VLDB 1980) with chains. It grows by one bucket at a time, so that no key pays for a
 * million others; the bare `Map` stops for 0.7 s when it moves millions of them.
 *
 * The last slot of a chain says which bucket it belongs to (`~bucket`, below zero), so that a slot can be taken out without its key.
 */
export class HashIndex {
  readonly #chunks: Int32Array[] = [new Int32Array(CHUNK)]
  /** Buckets at the beginning of this round of growth; a power of two. */
  #size = FIRST_BUCKETS
  /** Buckets that this round has divided so far. */
  #divided = 0
  #count = 0

  constructor(private readonly slots: SlotArena) {}

  get count(): number {
    return this.#count
  }

  /** The slot of the key with this hash; 0 where there is none. */
  find(low: number, high: number): number {
    // Written out: the functions of this class and of the slots would be called, one by one.
    let bucket = low & (2 * this.#size - 1)
    if (bucket >= this.#size + this.#divided) bucket -= this.#size
    const chunk = this.#chunks[bucket >>> CHUNK_BITS] as Int32Array
    return this.slots.seek(chunk[bucket & (CHUNK - 1)] as number, low, high)
  }

  /** Puts in a slot for the key with this hash, which has none. */
  add(slot: number, low: number, high: number): void {
    this.slots.setHash(slot, low, high)
    this.#prepend(this.#bucketOf(low), slot)
    this.#count++
    if (this.#count > LOAD * (this.#size + this.#divided)) this.#grow()
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
    return bucket < this.#size + this.#divided ? bucket : bucket - this.#size
  }

  /** Divides the next bucket in two, by one more bit of the hashes. */
  #grow(): void {
    const old = this.#divided
    const young = this.#size + old
    if (young >>> CHUNK_BITS === this.#chunks.length) this.#chunks.push(new Int32Array(CHUNK))
    let slot = this.#first(old)
    this.#setFirst(old, 0)
    while (slot > 0) {
      const next = this.slots.link(slot)
      this.#prepend((this.slots.low(slot) & this.#size) === 0 ? old : young, slot)
      slot = next
    }
    this.#divided++
    if (this.#divided === this.#size) {
      this.#size *= 2
      this.#divided = 0
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
