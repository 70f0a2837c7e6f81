/** Things that had numbers lately. Where there are too many, all lose them, and numbers begin anew. */
export class Interner<Thing> {
  readonly #numbers = new Map<Thing, number>()

  /** @param tell is told which thing has a number from now on */
  constructor(
    private readonly most: number,
    private readonly tell: (number: number, thing: Thing) => void,
  ) {}

  of(thing: Thing): number {
    const known = this.#numbers.get(thing)
    if (known !== undefined) return known
    if (this.#numbers.size >= this.most) this.#numbers.clear()
    const number = this.#numbers.size
    this.#numbers.set(thing, number)
    this.tell(number, thing)
    return number
  }
}
