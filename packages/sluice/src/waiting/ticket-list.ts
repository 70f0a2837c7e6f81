interface Node<T> {
  readonly entry: T
  previous: Node<T> | undefined
  next: Node<T> | undefined
}

/** A list of entries by ticket. Removal, and insertion near the end, take constant time. */
export class TicketList<T extends { readonly ticket: number }> {
  readonly #nodes = new Map<T, Node<T>>()
  #first: Node<T> | undefined
  #last: Node<T> | undefined

  get length(): number {
    return this.#nodes.size
  }

  get first(): T | undefined {
    return this.#first?.entry
  }

  get last(): T | undefined {
    return this.#last?.entry
  }

  /** Inserts an entry behind all entries with the same or a smaller ticket. */
  push(entry: T): void {
    let previous = this.#last
    while (previous !== undefined && previous.entry.ticket > entry.ticket) previous = previous.previous
    const next = previous === undefined ? this.#first : previous.next
    const node: Node<T> = { entry, previous, next }
    if (next === undefined) this.#last = node
    else next.previous = node
    if (previous === undefined) this.#first = node
    else previous.next = node
    this.#nodes.set(entry, node)
  }

  /** Removes an entry. Has no effect if it is not in the list. */
  remove(entry: T): void {
    const node = this.#nodes.get(entry)
    if (node === undefined) return
    const { previous, next } = node
    if (previous === undefined) this.#first = next
    else previous.next = next
    if (next === undefined) this.#last = previous
    else next.previous = previous
    this.#nodes.delete(entry)
  }
}
