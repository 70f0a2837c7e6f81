/** An element of a queue. It stores its index in the queue, which makes removal fast. */
export interface QueuedEvent {
  /** Time of the event, in the unit of the queue. */
  readonly at: number
  /** Orders events scheduled for the same time. Set by the queue. */
  number: number
  /** Index in the queue; -1 outside a queue. Set by the queue. */
  index: number
}

/** A binary heap of events, ordered by time and then by insertion. */
export class EventQueue<E extends QueuedEvent> {
  readonly #heap: E[] = []
  #numbers = 0

  get first(): E | undefined {
    return this.#heap[0]
  }

  get length(): number {
    return this.#heap.length
  }

  add(event: E): void {
    event.number = this.#numbers++
    this.#heap.push(event)
    this.#siftUp(event, this.#heap.length - 1)
  }

  /** Removes an event. Does nothing if it is not in the queue. */
  remove(event: E): void {
    const { index } = event
    if (index < 0 || this.#heap[index] !== event) return
    event.index = -1
    const last = this.#heap.pop() as E
    if (last === event) return
    this.#siftUp(last, index)
    this.#siftDown(last, last.index)
  }

  #siftUp(event: E, from: number): void {
    let index = from
    while (index > 0) {
      const above = (index - 1) >> 1
      const parent = this.#heap[above] as E
      if (!isBefore(event, parent)) break
      this.#put(parent, index)
      index = above
    }
    this.#put(event, index)
  }

  #siftDown(event: E, from: number): void {
    let index = from
    for (;;) {
      let below = 2 * index + 1
      let child = this.#heap[below]
      if (child === undefined) break
      const right = this.#heap[below + 1]
      if (right !== undefined && isBefore(right, child)) {
        child = right
        below++
      }
      if (!isBefore(child, event)) break
      this.#put(child, index)
      index = below
    }
    this.#put(event, index)
  }

  #put(event: E, index: number): void {
    this.#heap[index] = event
    event.index = index
  }
}

function isBefore(one: QueuedEvent, other: QueuedEvent): boolean {
  return one.at < other.at || (one.at === other.at && one.number < other.number)
}
