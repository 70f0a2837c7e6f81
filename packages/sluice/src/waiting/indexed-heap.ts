/** An entry of a heap, which stores its index there. */
export interface HeapEntry {
  /** Set by the heap; -1 outside it. */
  index: number
}

/** A binary heap from which any entry can be removed. An entry is in one heap at a time. */
export class IndexedHeap<T extends HeapEntry> {
  readonly #entries: T[] = []

  /** @param isBefore reports whether one entry comes before another */
  constructor(private readonly isBefore: (one: T, other: T) => boolean) {}

  get size(): number {
    return this.#entries.length
  }

  get first(): T | undefined {
    return this.#entries[0]
  }

  add(entry: T): void {
    this.#entries.push(entry)
    this.#siftUp(entry, this.#entries.length - 1)
  }

  remove(entry: T): void {
    const { index } = entry
    entry.index = -1
    const last = this.#entries.pop() as T
    if (last !== entry) this.#place(last, index)
  }

  /** Restores the order after the place of an entry has changed. */
  update(entry: T): void {
    this.#place(entry, entry.index)
  }

  #place(entry: T, index: number): void {
    this.#siftUp(entry, index)
    this.#siftDown(entry, entry.index)
  }

  #siftUp(entry: T, from: number): void {
    let index = from
    while (index > 0) {
      const above = (index - 1) >> 1
      const parent = this.#entries[above] as T
      if (!this.isBefore(entry, parent)) break
      this.#put(parent, index)
      index = above
    }
    this.#put(entry, index)
  }

  #siftDown(entry: T, from: number): void {
    let index = from
    for (;;) {
      let below = 2 * index + 1
      let child = this.#entries[below]
      if (child === undefined) break
      const right = this.#entries[below + 1]
      if (right !== undefined && this.isBefore(right, child)) {
        child = right
        below++
      }
      if (!this.isBefore(child, entry)) break
      this.#put(child, index)
      index = below
    }
    this.#put(entry, index)
  }

  #put(entry: T, index: number): void {
    this.#entries[index] = entry
    entry.index = index
  }
}
