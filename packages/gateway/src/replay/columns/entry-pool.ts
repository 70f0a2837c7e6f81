/** In place of an entry. */
export const NONE = -1

/** There is no room for one more entry. */
export class TooManyEntriesError extends Error {
  override readonly name = 'TooManyEntriesError'
}

/** Entries of a page. */
const PAGE_BITS = 13
const PAGE = 1 << PAGE_BITS

/** What is kept of an entry: three numbers, side by side. */
const AT = 0
const COST = 1
const NEXT = 2
const NUMBERS = 3

/**
 * Entries of a time and a cost, in lists: numbers in pages of numbers, 24 bytes each. As objects or arrays of their own, the million that a replay
 * remembers would be the garbage collector's to go through again and again.
 */
export class EntryPool {
  readonly #pages: Float64Array[] = []
  #used = 0
  /** The first of those that are free again. */
  #free = NONE
  #count = 0

  /** @param most how many there may be */
  constructor(private readonly most = Number.POSITIVE_INFINITY) {}

  /** How many there are. */
  get count(): number {
    return this.#count
  }

  /** Makes the last entry of a list. @throws TooManyEntriesError */
  add(at: number, cost: number): number {
    if (this.#count >= this.most) throw new TooManyEntriesError()
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
    // What is no entry is of no time: whoever knew it sees that it is gone.
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
