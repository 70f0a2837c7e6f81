/** Denotes the absence of an entry. */
export const NONE = -1

/** Thrown when the pool is full. */
export class TooManyEntriesError extends Error {
  override readonly name = 'TooManyEntriesError'
}

/** Base-2 logarithm of the number of entries per page. */
const PAGE_BITS = 13
const PAGE_SIZE = 1 << PAGE_BITS

/** Offsets of the numbers of an entry, which are adjacent in the page. */
const AT = 0
const COST = 1
const NEXT = 2
/** Number of numbers per entry. */
const NUMBERS_PER_ENTRY = 3

/**
 * A pool of linked-list entries with a time and a cost, stored in arrays at 24 bytes each. If they
 * were objects, every garbage collection would traverse the millions of entries of a replay.
 */
export class EntryPool {
  readonly #pages: Float64Array[] = []
  #used = 0
  /** Head of the list of free entries. */
  #free = NONE
  #count = 0

  /** @param maxEntries maximum number of entries in use */
  constructor(private readonly maxEntries = Number.POSITIVE_INFINITY) {}

  /** Number of entries in use. */
  get count(): number {
    return this.#count
  }

  /** Adds an entry without a successor. @throws TooManyEntriesError */
  add(at: number, cost: number): number {
    if (this.#count >= this.maxEntries) throw new TooManyEntriesError()
    let entry = this.#free
    if (entry !== NONE) this.#free = this.next(entry)
    else {
      entry = this.#used++
      if (entry >>> PAGE_BITS === this.#pages.length)
        this.#pages.push(new Float64Array(PAGE_SIZE * NUMBERS_PER_ENTRY))
    }
    const page = this.#page(entry)
    const offset = offsetOf(entry)
    page[offset + AT] = at
    page[offset + COST] = cost
    page[offset + NEXT] = NONE
    this.#count++
    return entry
  }

  remove(entry: number): void {
    const page = this.#page(entry)
    const offset = offsetOf(entry)
    // A time of NaN marks the entry as removed, for charges that still refer to it.
    page[offset + AT] = Number.NaN
    page[offset + NEXT] = this.#free
    this.#free = entry
    this.#count--
  }

  at(entry: number): number {
    return this.#page(entry)[offsetOf(entry) + AT] as number
  }

  cost(entry: number): number {
    return this.#page(entry)[offsetOf(entry) + COST] as number
  }

  setCost(entry: number, cost: number): void {
    this.#page(entry)[offsetOf(entry) + COST] = cost
  }

  next(entry: number): number {
    return this.#page(entry)[offsetOf(entry) + NEXT] as number
  }

  setNext(entry: number, next: number): void {
    this.#page(entry)[offsetOf(entry) + NEXT] = next
  }

  #page(entry: number): Float64Array {
    return this.#pages[entry >>> PAGE_BITS] as Float64Array
  }
}

function offsetOf(entry: number): number {
  return (entry & (PAGE_SIZE - 1)) * NUMBERS_PER_ENTRY
}
