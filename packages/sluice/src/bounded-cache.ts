/**
 * A cache of bounded size for values that are cheap to recompute. A full cache is cleared before
 * the next insertion. This needs no bookkeeping per lookup, and entries in use are soon cached
 * again.
 */
export class BoundedCache<Key, Value> {
  readonly #entries = new Map<Key, Value>()

  /** @param maxSize maximum number of entries, at least 1 */
  constructor(private readonly maxSize: number) {}

  get(key: Key): Value | undefined {
    return this.#entries.get(key)
  }

  has(key: Key): boolean {
    return this.#entries.has(key)
  }

  /** Adds an entry whose key is not in the cache. */
  set(key: Key, value: Value): void {
    if (this.#entries.size >= this.maxSize) this.#entries.clear()
    this.#entries.set(key, value)
  }
}
