/** The estimated count of a key. */
interface Count {
  /** An upper bound of the true count. */
  readonly count: number
  /** Maximum amount by which `count` may exceed the true count. */
  readonly error: number
}

interface Counter {
  key: string
  error: number
  bucket: Bucket
}

/** The counters that share a count. Buckets form a linked list in ascending order of count. */
interface Bucket {
  count: number
  readonly counters: Set<Counter>
  previous: Bucket | undefined
  next: Bucket | undefined
}

/**
 * Finds the most frequent keys of a stream with a fixed number of counters: Space-Saving (Metwally,
 * Agrawal and El Abbadi, "Efficient Computation of Frequent and Top-k Elements in Data Streams",
 * ICDT 2005).
 *
 * After N keys with k counters, a count is never too low, and is too high by at most N/k. Every key
 * that occurred more than N/k times has a counter. Adding a key takes O(1).
 */
export class SpaceSaving {
  readonly #counters = new Map<string, Counter>()
  /** The bucket with the lowest count. */
  #lowest: Bucket | undefined

  constructor(private readonly capacity: number) {}

  add(key: string): void {
    const counter = this.#counters.get(key)
    if (counter !== undefined) this.#increment(counter)
    else if (this.#counters.size < this.capacity) this.#insertCounter(key)
    else this.#replaceLowest(key)
  }

  /** The keys that have a counter, in no particular order. */
  get keys(): string[] {
    return [...this.#counters.keys()]
  }

  /** Returns the estimate for a key. Without a counter, the estimate is the lowest count. */
  countOf(key: string): Count {
    const counter = this.#counters.get(key)
    if (counter !== undefined) return { count: counter.bucket.count, error: counter.error }
    const bound = this.#counters.size < this.capacity ? 0 : (this.#lowest?.count ?? 0)
    return { count: bound, error: bound }
  }

  /** Gives the counter of a key another name, which keeps the bounds of all counts. */
  rename(key: string, name: string): void {
    const counter = this.#counters.get(key)
    if (counter === undefined) return
    this.#counters.delete(key)
    counter.key = name
    this.#counters.set(name, counter)
  }

  #insertCounter(key: string): void {
    const first = this.#lowest?.count === 1 ? this.#lowest : this.#insert(1, undefined, this.#lowest)
    const counter = { key, error: 0, bucket: first }
    first.counters.add(counter)
    this.#counters.set(key, counter)
  }

  /** Reassigns a counter with the lowest count, which bounds the count of the new key. */
  #replaceLowest(key: string): void {
    const [counter] = this.#lowest?.counters ?? []
    if (counter === undefined) return
    this.#counters.delete(counter.key)
    counter.key = key
    counter.error = counter.bucket.count
    this.#counters.set(key, counter)
    this.#increment(counter)
  }

  #increment(counter: Counter): void {
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
