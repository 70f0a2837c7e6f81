/**
 * A page has 4096 slots and takes 144 KiB. The operating system commits only the parts that are
 * written.
 */
const PAGE_BITS = 12
const PAGE_SLOTS = 1 << PAGE_BITS
/** Mask of the bits of a slot number that give the offset within the page. */
export const OFFSET_MASK = PAGE_SLOTS - 1
/** Mask of the bits of a word that hold the tag. */
const TAG_MASK = 0xff
/** Tag of a slot without a key. */
const NO_KEY_TAG = TAG_MASK

/**
 * Allocates slots of 36 bytes each. A decision reads 32 bytes of a slot, which are aligned to lie
 * within one cache line. With a million keys in random order, a decision spends most of its time
 * waiting for memory.
 *
 *     numbers[4·i]        first number of the state (see `TypedStates`)
 *     numbers[4·i + 1]    second number of the state
 *     words[8·i + 4]      high half of the key's hash
 *     words[8·i + 5]      low half of the hash, with a tag in place of its low 8 bits
 *     words[8·i + 6]      link of the hash index, or of the list of free slots
 *     words[8·i + 7]      link to the next slot in the timing wheel
 *     previous[i]         link to the previous slot in the timing wheel
 *
 * The arena grows page by page, so nothing is ever copied. Slot numbers start at 1.
 */
export class SlotArena {
  // One array per kind of data instead of one object per page saves 4 ns per decision.
  readonly #numbers: Float64Array[] = []
  readonly #words: Int32Array[] = []
  readonly #previous: Int32Array[] = []
  // Parts of some states, by offset. A page without such states has no array.
  readonly #counts: (Uint32Array | undefined)[] = []
  readonly #previousCounts: (Uint32Array | undefined)[] = []
  /** States that do not fit into numbers. */
  readonly #objects: (unknown[] | undefined)[] = []
  #used = 1
  /** Head of the list of free slots. */
  #free = 0

  constructor() {
    this.#addPage()
  }

  /** Returns a slot without a key, in a list that contains no other slot. */
  allocate(): number {
    let slot = this.#free
    if (slot !== 0) this.#free = this.link(slot)
    else {
      slot = this.#used++
      if (slot >>> PAGE_BITS === this.#words.length) this.#addPage()
    }
    this.join(slot, slot)
    this.#clearHash(slot)
    return slot
  }

  release(slot: number): void {
    this.setObject(slot, undefined)
    this.#clearHash(slot)
    this.setLink(slot, this.#free)
    this.#free = slot
  }

  first(slot: number): number {
    return this.numbersOf(slot)[(slot & OFFSET_MASK) * 4] as number
  }

  second(slot: number): number {
    return this.numbersOf(slot)[(slot & OFFSET_MASK) * 4 + 1] as number
  }

  setNumbers(slot: number, first: number, second: number): void {
    const numbers = this.numbersOf(slot)
    const offset = (slot & OFFSET_MASK) * 4
    numbers[offset] = first
    numbers[offset + 1] = second
  }

  /** Returns the count of a window, which must have been set. */
  count(slot: number): number {
    return (this.#counts[slot >>> PAGE_BITS] as Uint32Array)[slot & OFFSET_MASK] as number
  }

  setCount(slot: number, count: number): void {
    let counts = this.#counts[slot >>> PAGE_BITS]
    if (counts === undefined) {
      counts = new Uint32Array(PAGE_SLOTS)
      this.#counts[slot >>> PAGE_BITS] = counts
    }
    counts[slot & OFFSET_MASK] = count
  }

  /** Returns the count of the previous window, which must have been set. */
  previousCount(slot: number): number {
    return (this.#previousCounts[slot >>> PAGE_BITS] as Uint32Array)[slot & OFFSET_MASK] as number
  }

  setPreviousCount(slot: number, count: number): void {
    let counts = this.#previousCounts[slot >>> PAGE_BITS]
    if (counts === undefined) {
      counts = new Uint32Array(PAGE_SLOTS)
      this.#previousCounts[slot >>> PAGE_BITS] = counts
    }
    counts[slot & OFFSET_MASK] = count
  }

  object(slot: number): unknown {
    return this.#objects[slot >>> PAGE_BITS]?.[slot & OFFSET_MASK]
  }

  setObject(slot: number, object: unknown): void {
    let objects = this.#objects[slot >>> PAGE_BITS]
    if (objects === undefined) {
      if (object === undefined) return
      objects = new Array(PAGE_SLOTS).fill(undefined)
      this.#objects[slot >>> PAGE_BITS] = objects
    }
    objects[slot & OFFSET_MASK] = object
  }

  /**
   * Returns the slot of the key with this hash, or 0. All hashes in the chain that begins with
   * `first` share their low 8 bits.
   */
  seek(first: number, low: number, high: number): number {
    let slot = first
    while (slot > 0) {
      const words = this.wordsOf(slot)
      const offset = (slot & OFFSET_MASK) * 8
      if (words[offset + 4] === high && (((words[offset + 5] as number) ^ low) & ~TAG_MASK) === 0) return slot
      slot = words[offset + 6] as number
    }
    return 0
  }

  /**
   * Reports whether a slot has this hash, ignoring its low 8 bits. The page of the slot must exist.
   */
  hasHash(slot: number, low: number, high: number): boolean {
    const words = this.wordsOf(slot)
    const offset = (slot & OFFSET_MASK) * 8
    return words[offset + 4] === high && (((words[offset + 5] as number) ^ low) & ~TAG_MASK) === 0
  }

  /** Sets the hash of a slot's key. Resets the tag to 0. */
  setHash(slot: number, low: number, high: number): void {
    const words = this.wordsOf(slot)
    const offset = (slot & OFFSET_MASK) * 8
    words[offset + 4] = high
    words[offset + 5] = low & ~TAG_MASK
  }

  /** Returns the low half of the hash, with its low 8 bits set to 0. */
  low(slot: number): number {
    return (this.wordsOf(slot)[(slot & OFFSET_MASK) * 8 + 5] as number) & ~TAG_MASK
  }

  tag(slot: number): number {
    return (this.wordsOf(slot)[(slot & OFFSET_MASK) * 8 + 5] as number) & TAG_MASK
  }

  /** @param tag a number from 0 to 255 */
  setTag(slot: number, tag: number): void {
    const words = this.wordsOf(slot)
    const offset = (slot & OFFSET_MASK) * 8 + 5
    words[offset] = ((words[offset] as number) & ~TAG_MASK) | tag
  }

  link(slot: number): number {
    return this.wordsOf(slot)[(slot & OFFSET_MASK) * 8 + 6] as number
  }

  setLink(slot: number, link: number): void {
    this.wordsOf(slot)[(slot & OFFSET_MASK) * 8 + 6] = link
  }

  next(slot: number): number {
    return this.wordsOf(slot)[(slot & OFFSET_MASK) * 8 + 7] as number
  }

  previous(slot: number): number {
    return (this.#previous[slot >>> PAGE_BITS] as Int32Array)[slot & OFFSET_MASK] as number
  }

  /** Makes `next` the successor of `slot` in a list. */
  join(slot: number, next: number): void {
    this.wordsOf(slot)[(slot & OFFSET_MASK) * 8 + 7] = next
    const previous = this.#previous[next >>> PAGE_BITS] as Int32Array
    previous[next & OFFSET_MASK] = slot
  }

  /** Returns the array that holds the numbers of a slot. */
  numbersOf(slot: number): Float64Array {
    return this.#numbers[slot >>> PAGE_BITS] as Float64Array
  }

  /** Returns the array that holds the words of a slot. */
  wordsOf(slot: number): Int32Array {
    return this.#words[slot >>> PAGE_BITS] as Int32Array
  }

  #clearHash(slot: number): void {
    this.setHash(slot, 0, 0)
    this.setTag(slot, NO_KEY_TAG)
  }

  #addPage(): void {
    const buffer = new ArrayBuffer(PAGE_SLOTS * 32)
    this.#numbers.push(new Float64Array(buffer))
    this.#words.push(new Int32Array(buffer))
    this.#previous.push(new Int32Array(PAGE_SLOTS))
    this.#counts.push(undefined)
    this.#previousCounts.push(undefined)
    this.#objects.push(undefined)
  }
}

/** Reports whether two slots are on the same page. */
export function isSamePage(slot: number, other: number): boolean {
  return slot >>> PAGE_BITS === other >>> PAGE_BITS
}
