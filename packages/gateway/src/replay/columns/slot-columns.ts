const INITIAL_SLOTS = 1024

/** A few numbers per slot. The numbers of a slot are adjacent and share a cache line. */
export class SlotColumns {
  #numbers: Float64Array

  /** @param width numbers per slot */
  constructor(private readonly width: number) {
    this.#numbers = new Float64Array(INITIAL_SLOTS * width)
  }

  /** Grows the array to contain a slot. */
  reach(slot: number): void {
    if ((slot + 1) * this.width <= this.#numbers.length) return
    const grown = new Float64Array(2 * this.#numbers.length)
    grown.set(this.#numbers)
    this.#numbers = grown
    this.reach(slot)
  }

  get(slot: number, which: number): number {
    return this.#numbers[slot * this.width + which] as number
  }

  set(slot: number, which: number, value: number): void {
    this.#numbers[slot * this.width + which] = value
  }

  add(slot: number, which: number, value: number): void {
    const place = slot * this.width + which
    this.#numbers[place] = (this.#numbers[place] as number) + value
  }
}
