/** The last value of each key, of as many keys as were seen last. */
export class LastSeen<Key, Value> {
  readonly #values = new Map<Key, Value>()

  constructor(private readonly most: number) {}

  /** Notes the value of a key and gives the one before; undefined where the key was not known. */
  replace(key: Key, value: Value): { readonly value: Value } | undefined {
    const before = this.#values.has(key) ? { value: this.#values.get(key) as Value } : undefined
    this.#values.delete(key)
    this.#values.set(key, value)
    if (this.#values.size > this.most) this.#values.delete(this.#values.keys().next().value as Key)
    return before
  }
}
