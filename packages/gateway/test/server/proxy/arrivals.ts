/** A queue of values. `next` waits until one is available. */
export class Arrivals<T> {
  readonly #ready: T[] = []
  readonly #waiting: ((item: T) => void)[] = []
  #count = 0

  /** Number of values added so far. */
  get count(): number {
    return this.#count
  }

  /** Number of values that have not been taken. */
  get ready(): number {
    return this.#ready.length
  }

  add(item: T): void {
    this.#count++
    const first = this.#waiting.shift()
    if (first === undefined) this.#ready.push(item)
    else first(item)
  }

  /** Takes the next value in the order of arrival. */
  next(): Promise<T> {
    const first = this.#ready.shift()
    return first === undefined
      ? new Promise((resolve) => this.#waiting.push(resolve))
      : Promise.resolve(first)
  }
}
