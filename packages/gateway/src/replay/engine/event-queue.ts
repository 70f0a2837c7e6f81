/** Something that happens at a time. Its place in the queue is kept in it, so that it can be taken out. */
export interface Happening {
  /** In milliseconds of the replay's time. */
  readonly at: number
  happen(): void
  /** Of those of the same time, the one with the lower number is first. Set by the queue. */
  number: number
  /** Index in the queue; -1 where it is in none. Set by the queue. */
  place: number
}

/** A binary heap of what is yet to happen: first by time, then in the order in which it was put in. */
export class EventQueue {
  readonly #heap: Happening[] = []
  #numbers = 0

  get first(): Happening | undefined {
    return this.#heap[0]
  }

  get length(): number {
    return this.#heap.length
  }

  add(happening: Happening): void {
    happening.number = this.#numbers++
    this.#heap.push(happening)
    this.#rise(happening, this.#heap.length - 1)
  }

  /** Takes one out; does nothing where it has happened, or was taken out before. */
  remove(happening: Happening): void {
    const { place } = happening
    if (place < 0 || this.#heap[place] !== happening) return
    happening.place = -1
    const last = this.#heap.pop() as Happening
    if (last === happening) return
    this.#rise(last, place)
    this.#sink(last, last.place)
  }

  #rise(happening: Happening, from: number): void {
    let place = from
    while (place > 0) {
      const above = (place - 1) >> 1
      const parent = this.#heap[above] as Happening
      if (!isBefore(happening, parent)) break
      this.#put(parent, place)
      place = above
    }
    this.#put(happening, place)
  }

  #sink(happening: Happening, from: number): void {
    let place = from
    for (;;) {
      let below = 2 * place + 1
      let child = this.#heap[below]
      if (child === undefined) break
      const right = this.#heap[below + 1]
      if (right !== undefined && isBefore(right, child)) {
        child = right
        below++
      }
      if (!isBefore(child, happening)) break
      this.#put(child, place)
      place = below
    }
    this.#put(happening, place)
  }

  #put(happening: Happening, place: number): void {
    this.#heap[place] = happening
    happening.place = place
  }
}

function isBefore(one: Happening, other: Happening): boolean {
  return one.at < other.at || (one.at === other.at && one.number < other.number)
}
