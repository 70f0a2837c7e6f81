/** A map of the entries that were used last. */
export class RecentlyUsed<Value> {
  // A map lists its keys in the order in which they were added.
  readonly #entries = new Map<string, Value>()

  /** @param maxSize maximum number of entries, at least 1 */
  constructor(private readonly maxSize: number) {}

  /** Returns an entry, which is created if it is missing. */
  get(key: string, create: () => Value): Value {
    const known = this.#entries.get(key)
    if (known !== undefined) {
      this.#entries.delete(key)
      this.#entries.set(key, known)
      return known
    }
    const created = create()
    this.#entries.set(key, created)
    if (this.#entries.size > this.maxSize) this.#entries.delete(this.#entries.keys().next().value as string)
    return created
  }
}
