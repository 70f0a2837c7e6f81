/** How often a key came. */
interface Count {
  /** No less than it came. */
  readonly count: number
  /** By how much `count` may be too high. */
  readonly error: number
}

interface Counter {
  key: string
  error: number
  bucket: Bucket
}

/** The counters that stand at one count, in a list of buckets by growing count. */
interface Bucket {
  count: number
  readonly counters: Set<Counter>
  previous: Bucket | undefined
  next: Bucket | undefined
}

/**
 * Finds the keys that come most often, with a fixed number of counters however many keys there are: Space-Saving (Metwally, Agrawal
 * and El Abbadi, "Efficient Computation of Frequent and Top-k Elements in Data Streams", ICDT 2005).
 *
 * Of N keys that came and k counters: a count is too high by at most N/k, never too low; and every key that came more often than
 * N/k has a counter. A key that comes is O(1).
 */
export class SpaceSaving {
  readonly #counters = new Map<string, Counter>()
  /** The bucket of the lowest count. */
  #lowest: Bucket | undefined

  constructor(private readonly capacity: number) {}

  add(key: string): void {
    const counter = this.#counters.get(key)
    if (counter !== undefined) this.#raise(counter)
    else if (this.#counters.size < this.capacity) this.#begin(key)
    else this.#takeOver(key)
  }

  /** All that have a counter, in no order. */
  get keys(): string[] {
    return [...this.#counters.keys()]
  }

  /** What has no counter may have come as often as what has the lowest. */
  countOf(key: string): Count {
    const counter = this.#counters.get(key)
    if (counter !== undefined) return { count: counter.bucket.count, error: counter.error }
    const most = this.#counters.size < this.capacity ? 0 : (this.#lowest?.count ?? 0)
    return { count: most, error: most }
  }

  #begin(key: string): void {
    const first = this.#lowest?.count === 1 ? this.#lowest : this.#insert(1, undefined, this.#lowest)
    const counter = { key, error: 0, bucket: first }
    first.counters.add(counter)
    this.#counters.set(key, counter)
  }

  /** The counter of a key that came least is from now on another key's: it has come as often, or less. */
  #takeOver(key: string): void {
    const [counter] = this.#lowest?.counters ?? []
    if (counter === undefined) return
    this.#counters.delete(counter.key)
    counter.key = key
    counter.error = counter.bucket.count
    this.#counters.set(key, counter)
    this.#raise(counter)
  }

  #raise(counter: Counter): void {
    const from = counter.bucket
    const count = from.count + 1
    if (from.counters.size === 1 && from.next?.count !== count) {
      from.count = count
      return
    }
    const to = from.next?.count === count ? from.next : this.#insert(count, from, from.next)
    from.counters.delete(counter)
    to.counters.add(counter)
    counter.bucket = to
    if (from.counters.size === 0) this.#remove(from)
  }

  #insert(count: number, previous: Bucket | undefined, next: Bucket | undefined): Bucket {
    const bucket: Bucket = { count, counters: new Set(), previous, next }
    if (previous === undefined) this.#lowest = bucket
    else previous.next = bucket
    if (next !== undefined) next.previous = bucket
    return bucket
  }

  #remove({ previous, next }: Bucket): void {
    if (previous === undefined) this.#lowest = next
    else previous.next = next
    if (next !== undefined) next.previous = previous
  }
}
