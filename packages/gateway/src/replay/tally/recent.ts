/**
 * Values by key, of the keys that were asked for lately: one that nobody asks for during a whole age is forgotten. So what is kept
 * is what is in use, however many keys there are in all.
 */
export class Recent<T> {
  #young = new Map<string, T>()
  #old = new Map<string, T>()
  #since: number | undefined

  /** @param age in milliseconds */
  constructor(private readonly age: number) {}

  get size(): number {
    return this.#young.size + this.#old.size
  }

  /** The value of a key, made where there is none. Times only rise. */
  get(key: string, now: number, make: () => T): T {
    this.#since ??= now
    if (now - this.#since >= this.age) {
      // After two ages nothing is of use any more.
      this.#old = now - this.#since >= 2 * this.age ? new Map() : this.#young
      this.#young = new Map()
      this.#since = now
    }
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old !== undefined) this.#old.delete(key)
    const value = old ?? make()
    this.#young.set(key, value)
    return value
  }

  clear(): void {
    this.#young.clear()
    this.#old.clear()
  }
}
