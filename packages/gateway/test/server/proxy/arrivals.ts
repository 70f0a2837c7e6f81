/** What arrives one by one, for a test that waits for the next. */
export class Arrivals<T> {
  readonly #ready: T[] = []
  readonly #waiting: ((item: T) => void)[] = []
  #count = 0

  /** How many have arrived so far. */
  get count(): number {
    return this.#count
  }

  /** How many of them nobody has been given yet. */
  get ready(): number {
    return this.#ready.length
  }

  add(item: T): void {
    this.#count++
    const first = this.#waiting.shift()
    if (first === undefined) this.#ready.push(item)
    else first(item)
  }

  /** The next in the order of arrival; each is given once. */
  next(): Promise<T> {
    const first = this.#ready.shift()
    return first === undefined
      ? new Promise((resolve) => this.#waiting.push(resolve))
      : Promise.resolve(first)
  }
}
