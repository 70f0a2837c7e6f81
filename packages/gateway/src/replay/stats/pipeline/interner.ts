/**
 * Assigns numbers to values. When there are too many values, all numbers are dropped and reassigned
 * from 0.
 */
export class Interner<Value> {
  readonly #numbers = new Map<Value, number>()

  /** @param onAssign receives each number with the value that it denotes from now on */
  constructor(
    private readonly max: number,
    private readonly onAssign: (number: number, value: Value) => void,
  ) {}

  of(value: Value): number {
    const known = this.#numbers.get(value)
    if (known !== undefined) return known
    if (this.#numbers.size >= this.max) this.#numbers.clear()
    const number = this.#numbers.size
    this.#numbers.set(value, number)
    this.onAssign(number, value)
    return number
  }
}
