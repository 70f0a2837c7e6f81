/** A page has so many slots: 144 KiB, of which the system gives only what is written to. */
const PAGE_BITS = 12
const PAGE_SLOTS = 1 << PAGE_BITS

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
 */
class Page {
  readonly numbers: Float64Array
  readonly words: Int32Array
  readonly previous = new Int32Array(PAGE_SLOTS)
  /** What does not fit into two numbers, by place; there from the first such state on. */
  objects: unknown[] | undefined

  constructor() {
    const buffer = new ArrayBuffer(PAGE_SLOTS * 32)
    this.numbers = new Float64Array(buffer)
    this.words = new Int32Array(buffer)
  }
}

/** Memory for what is kept of keys. It grows a page at a time, so that nothing is ever copied. Slots are numbers from 1. */
export class Slots {
  readonly #pages: Page[] = [new Page()]
  #used = 1
  /** The first of the slots that are free again. */
  #free = 0

  /** A slot of no key, in a list of its own. */
  allocate(): number {
    let slot = this.#free
    if (slot !== 0) this.#free = this.link(slot)
    else {
      slot = this.#used++
      if (slot >>> PAGE_BITS === this.#pages.length) this.#pages.push(new Page())
    }
    this.join(slot, slot)
    return slot
  }

  release(slot: number): void {
    this.setObject(slot, undefined)
    this.setLink(slot, this.#free)
    this.#free = slot
  }

  at(slot: number): number {
    return this.#page(slot).numbers[placeOf(slot) * 4] as number
  }

  level(slot: number): number {
    return this.#page(slot).numbers[placeOf(slot) * 4 + 1] as number
  }

  setNumbers(slot: number, at: number, level: number): void {
    const { numbers } = this.#page(slot)
    const place = placeOf(slot) * 4
    numbers[place] = at
    numbers[place + 1] = level
  }

  object(slot: number): unknown {
    return this.#page(slot).objects?.[placeOf(slot)]
  }

  setObject(slot: number, object: unknown): void {
    const page = this.#page(slot)
    if (object === undefined && page.objects === undefined) return
    page.objects ??= new Array(PAGE_SLOTS).fill(undefined)
    page.objects[placeOf(slot)] = object
  }

  /** Whether a slot is that of the key with this hash, among those whose hashes end in the same 8 bits. */
  isOf(slot: number, low: number, high: number): boolean {
    const { words } = this.#page(slot)
    const place = placeOf(slot) * 8
    return words[place + 4] === high && (((words[place + 5] as number) ^ low) & ~TAG) === 0
  }

  /** Notes whose slot it is; the tag becomes 0. */
  setHash(slot: number, low: number, high: number): void {
    const { words } = this.#page(slot)
    const place = placeOf(slot) * 8
    words[place + 4] = high
    words[place + 5] = low & ~TAG
  }

  /** The low half of the hash; its last 8 bits are 0. */
  low(slot: number): number {
    return (this.#page(slot).words[placeOf(slot) * 8 + 5] as number) & ~TAG
  }

  tag(slot: number): number {
    return (this.#page(slot).words[placeOf(slot) * 8 + 5] as number) & TAG
  }

  /** @param tag 0 to 255 */
  setTag(slot: number, tag: number): void {
    const { words } = this.#page(slot)
    const place = placeOf(slot) * 8 + 5
    words[place] = ((words[place] as number) & ~TAG) | tag
  }

  link(slot: number): number {
    return this.#page(slot).words[placeOf(slot) * 8 + 6] as number
  }

  setLink(slot: number, link: number): void {
    this.#page(slot).words[placeOf(slot) * 8 + 6] = link
  }

  next(slot: number): number {
    return this.#page(slot).words[placeOf(slot) * 8 + 7] as number
  }

  previous(slot: number): number {
    return this.#page(slot).previous[placeOf(slot)] as number
  }

  /** Lets one slot follow another in a list. */
  join(slot: number, next: number): void {
    this.#page(slot).words[placeOf(slot) * 8 + 7] = next
    this.#page(next).previous[placeOf(next)] = slot
  }

  #page(slot: number): Page {
    return this.#pages[slot >>> PAGE_BITS] as Page
  }
}

const TAG = 0xff

function placeOf(slot: number): number {
  return slot & (PAGE_SLOTS - 1)
}
