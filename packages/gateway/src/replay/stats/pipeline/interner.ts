import { BoundedCache } from 'sluice/internal'

/** Numbers values from 0. When all numbers are taken, every value loses its own and numbering restarts. */
export class Interner<Value> {
  readonly #numbers: BoundedCache<Value, number>
  #next = 0

  /** @param onNumbered receives each value that gets a number */
  constructor(
    private readonly maxNumbers: number,
    private readonly onNumbered: (number: number, value: Value) => void,
  ) {
    this.#numbers = new BoundedCache(maxNumbers)
  }

  of(value: Value): number {
    const known = this.#numbers.get(value)
    if (known !== undefined) return known
    const number = this.#next
    this.#next = (number + 1) % this.maxNumbers
    this.#numbers.set(value, number)
    this.onNumbered(number, value)
    return number
  }
}
