import type { LineSize, Order, Waiting } from './order.js'

interface Node<T> {
  readonly entry: T
  previous: Node<T> | undefined
  next: Node<T> | undefined
}

/**
 * First come, first served, by ticket. One client may use at most half of a line that it shares
 * with others.
 */
export class FirstCome<T extends Waiting> implements Order<T> {
  readonly #nodes = new Map<T, Node<T>>()
  /** Number of waiting requests per client. Clients without waiting requests have no entry. */
  readonly #counts = new Map<string, number>()
  #first: Node<T> | undefined
  #last: Node<T> | undefined

  get length(): number {
    return this.#nodes.size
  }

  get first(): T | undefined {
    return this.#first?.entry
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
    this.#count(entry.waiter, 1)
  }

  remove(entry: T): void {
    const node = this.#nodes.get(entry)
    if (node === undefined) return
    const { previous, next } = node
    if (previous === undefined) this.#first = next
    else previous.next = next
    if (next === undefined) this.#last = previous
    else next.previous = previous
    this.#nodes.delete(entry)
    this.#count(entry.waiter, -1)
  }

  precedes({ ticket }: Waiting): boolean {
    return this.#first !== undefined && this.#first.entry.ticket < ticket
  }

  isFullFor({ waiter }: Waiting, { maxQueued, isPerClient }: LineSize): boolean {
    const own = isPerClient || waiter === undefined ? 0 : (this.#counts.get(waiter) ?? 0)
    return this.length >= maxQueued || (own > 0 && own >= Math.ceil(maxQueued / 2))
  }

  #count(waiter: string | undefined, change: 1 | -1): void {
    if (waiter === undefined) return
    const count = (this.#counts.get(waiter) ?? 0) + change
    if (count > 0) this.#counts.set(waiter, count)
    else this.#counts.delete(waiter)
  }
}
