const INITIAL_SLOTS = 1024

/** Stores a few numbers per slot. The numbers of one slot are adjacent and share a cache line. */
export class SlotColumns {
  #numbers: Float64Array

  /** @param width numbers per slot */
  constructor(private readonly width: number) {
    this.#numbers = new Float64Array(INITIAL_SLOTS * width)
  }

  /** Grows the array if needed, so that it contains a slot. */
  reach(slot: number): void {
    if ((slot + 1) * this.width <= this.#numbers.length) return
    const grown = new Float64Array(2 * this.#numbers.length)
    grown.set(this.#numbers)
    this.#numbers = grown
    this.reach(slot)
  }

  get(slot: number, column: number): number {
    return this.#numbers[slot * this.width + column] as number
  }

  set(slot: number, column: number, value: number): void {
    this.#numbers[slot * this.width + column] = value
  }

  add(slot: number, column: number, value: number): void {
    const index = slot * this.width + column
    this.#numbers[index] = (this.#numbers[index] as number) + value
  }
}
