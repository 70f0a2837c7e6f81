/** Denotes that there is no entry. */
export const NONE = -1

/** Thrown when the pool is full. */
export class TooManyEntriesError extends Error {
  override readonly name = 'TooManyEntriesError'
}

/** Entries per page. */
const PAGE_BITS = 13
const PAGE = 1 << PAGE_BITS

/** Numbers of an entry, side by side. */
const AT = 0
const COST = 1
const NEXT = 2
const NUMBERS = 3

/**
 * A pool of linked entries with a time and a cost, stored as numbers in pages, 24 bytes each. As
 * objects, the million entries of a replay would be traversed by every garbage collection.
 */
export class EntryPool {
  readonly #pages: Float64Array[] = []
  #used = 0
  /** First of the free entries. */
  #free = NONE
  #count = 0

  /** @param maxEntries bound on the entries in use */
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
      if (entry >>> PAGE_BITS === this.#pages.length) this.#pages.push(new Float64Array(PAGE * NUMBERS))
    }
    const page = this.#page(entry)
    const place = placeOf(entry)
    page[place + AT] = at
    page[place + COST] = cost
    page[place + NEXT] = NONE
    this.#count++
    return entry
  }

  remove(entry: number): void {
    const page = this.#page(entry)
    const place = placeOf(entry)
    // A holder of a stale entry recognizes it by its time.
    page[place + AT] = Number.NaN
    page[place + NEXT] = this.#free
    this.#free = entry
    this.#count--
  }

  at(entry: number): number {
    return this.#page(entry)[placeOf(entry) + AT] as number
  }

  cost(entry: number): number {
    return this.#page(entry)[placeOf(entry) + COST] as number
  }

  setCost(entry: number, cost: number): void {
    this.#page(entry)[placeOf(entry) + COST] = cost
  }

  next(entry: number): number {
    return this.#page(entry)[placeOf(entry) + NEXT] as number
  }

  setNext(entry: number, next: number): void {
    this.#page(entry)[placeOf(entry) + NEXT] = next
  }

  #page(entry: number): Float64Array {
    return this.#pages[entry >>> PAGE_BITS] as Float64Array
  }
}

function placeOf(entry: number): number {
  return (entry & (PAGE - 1)) * NUMBERS
}
