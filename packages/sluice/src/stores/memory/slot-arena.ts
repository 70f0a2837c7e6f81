/** A page has so many slots: 144 KiB, of which the system gives only what is written to. */
const PAGE_BITS = 12
const PAGE_SLOTS = 1 << PAGE_BITS
/** The bits of a slot that say where in its page it is. */
export const LAST = PAGE_SLOTS - 1
/** The bits of a word that a tag takes. */
export const TAG = 0xff
/** The tag of a slot of no key. */
const NO_KEY = TAG

/**
 * Slots, 36 bytes each. What a decision reads of one lies in 32 bytes that begin at a multiple of 32, and so in one line of the processor's
 * cache: with a million keys in random order, a decision mostly waits for memory.
 *
 *     numbers[4·i]        the time of a state, in milliseconds
 *     numbers[4·i + 1]    the level of a token bucket, in units
 *     words[8·i + 4]      what the key is known by: the high half of its hash, and the low half without its last 8 bits,
 *     words[8·i + 5]      in place of which there is a tag
 *     words[8·i + 6]      a link of the table of keys; in a free slot, of the list of those
 *     words[8·i + 7]      a link of the timing wheel, onwards
 *     previous[i]         and back
 *
 * They grow a page at a time, so that nothing is ever copied. Slots are numbers from 1.
 */
export class SlotArena {
  // Arrays of arrays, and no object for a page: one place less to look up for what is read, 4 ns of a decision.
  readonly #numbers: Float64Array[] = []
  readonly #words: Int32Array[] = []
  readonly #previous: Int32Array[] = []
  /** What does not fit into two numbers, by place; there from the first such state of a page on. */
  readonly #objects: (unknown[] | undefined)[] = []
  #used = 1
  /** The first of the slots that are free again. */
  #free = 0

  constructor() {
    this.#addPage()
  }

  /** A slot of no key, in a list of its own. */
  allocate(): number {
    let slot = this.#free
    if (slot !== 0) this.#free = this.link(slot)
    else {
      slot = this.#used++
      if (slot >>> PAGE_BITS === this.#words.length) this.#addPage()
    }
    this.join(slot, slot)
    this.#setNoKey(slot)
    return slot
  }

  release(slot: number): void {
    this.setObject(slot, undefined)
    this.#setNoKey(slot)
    this.setLink(slot, this.#free)
    this.#free = slot
  }

  at(slot: number): number {
    return this.numbersOf(slot)[(slot & LAST) * 4] as number
  }

  level(slot: number): number {
    return this.numbersOf(slot)[(slot & LAST) * 4 + 1] as number
  }

  setNumbers(slot: number, at: number, level: number): void {
    const numbers = this.numbersOf(slot)
    const place = (slot & LAST) * 4
    numbers[place] = at
    numbers[place + 1] = level
  }

  object(slot: number): unknown {
    return this.#objects[slot >>> PAGE_BITS]?.[slot & LAST]
  }

  setObject(slot: number, object: unknown): void {
    let objects = this.#objects[slot >>> PAGE_BITS]
    if (objects === undefined) {
      if (object === undefined) return
      objects = new Array(PAGE_SLOTS).fill(undefined)
      this.#objects[slot >>> PAGE_BITS] = objects
    }
    objects[slot & LAST] = object
  }

  /**
   * The slot of the key with this hash, in a chain whose hashes end in the same 8 bits.
   *
   * @param first of the chain
   * @returns 0 where there is none
   */
  seek(first: number, low: number, high: number): number {
    let slot = first
    while (slot > 0) {
      const words = this.wordsOf(slot)
      const place = (slot & LAST) * 8
      if (words[place + 4] === high && (((words[place + 5] as number) ^ low) & ~TAG) === 0) return slot
      slot = words[place + 6] as number
    }
    return 0
  }

  /** Whether a slot is that of the key with this hash, but for its last 8 bits; it may be any slot of a page that is there. */
  isOf(slot: number, low: number, high: number): boolean {
    const words = this.wordsOf(slot)
    const place = (slot & LAST) * 8
    return words[place + 4] === high && (((words[place + 5] as number) ^ low) & ~TAG) === 0
  }

  /** Notes whose slot it is; the tag becomes 0. */
  setHash(slot: number, low: number, high: number): void {
    const words = this.wordsOf(slot)
    const place = (slot & LAST) * 8
    words[place + 4] = high
    words[place + 5] = low & ~TAG
  }

  /** The low half of the hash; its last 8 bits are 0. */
  low(slot: number): number {
    return (this.wordsOf(slot)[(slot & LAST) * 8 + 5] as number) & ~TAG
  }

  tag(slot: number): number {
    return (this.wordsOf(slot)[(slot & LAST) * 8 + 5] as number) & TAG
  }

  /** @param tag 0 to 255 */
  setTag(slot: number, tag: number): void {
    const words = this.wordsOf(slot)
    const place = (slot & LAST) * 8 + 5
    words[place] = ((words[place] as number) & ~TAG) | tag
  }

  link(slot: number): number {
    return this.wordsOf(slot)[(slot & LAST) * 8 + 6] as number
  }

  setLink(slot: number, link: number): void {
    this.wordsOf(slot)[(slot & LAST) * 8 + 6] = link
  }

  next(slot: number): number {
    return this.wordsOf(slot)[(slot & LAST) * 8 + 7] as number
  }

  previous(slot: number): number {
    return (this.#previous[slot >>> PAGE_BITS] as Int32Array)[slot & LAST] as number
  }

  /** Lets one slot follow another in a list. */
  join(slot: number, next: number): void {
    this.wordsOf(slot)[(slot & LAST) * 8 + 7] = next
    const previous = this.#previous[next >>> PAGE_BITS] as Int32Array
    previous[next & LAST] = slot
  }

  /** Where the numbers of a slot are. */
  numbersOf(slot: number): Float64Array {
    return this.#numbers[slot >>> PAGE_BITS] as Float64Array
  }

  /** Where the words of a slot are. */
  wordsOf(slot: number): Int32Array {
    return this.#words[slot >>> PAGE_BITS] as Int32Array
  }

  #setNoKey(slot: number): void {
    this.setHash(slot, 0, 0)
    this.setTag(slot, NO_KEY)
  }

  #addPage(): void {
    const buffer = new ArrayBuffer(PAGE_SLOTS * 32)
    this.#numbers.push(new Float64Array(buffer))
    this.#words.push(new Int32Array(buffer))
    this.#previous.push(new Int32Array(PAGE_SLOTS))
    this.#objects.push(undefined)
  }
}

/** Whether two slots are of the same page. */
export function isOfPage(slot: number, other: number): boolean {
  return slot >>> PAGE_BITS === other >>> PAGE_BITS
}
