import type { LineSize, Order, Waiting } from './order.js'
import { TicketList } from './ticket-list.js'

/**
 * First come, first served, by ticket. One client may use at most half of a line that it shares
 * with others.
 */
export class FirstCome<T extends Waiting> implements Order<T> {
  readonly #list = new TicketList<T>()
  /** Number of waiting requests per client. Clients without waiting requests have no entry. */
  readonly #counts = new Map<string, number>()

  get length(): number {
    return this.#list.length
  }

  get first(): T | undefined {
    return this.#list.first
  }

  get last(): T | undefined {
    return this.#list.last
  }

  push(entry: T): void {
    this.#list.push(entry)
    this.#count(entry.waiter, 1)
  }

  remove(entry: T): void {
    this.#list.remove(entry)
    this.#count(entry.waiter, -1)
  }

  precedes({ ticket }: Waiting): boolean {
    const { first } = this
    return first !== undefined && first.ticket < ticket
  }

  isFullFor({ waiter }: Waiting, { maxQueued, isPerClient }: LineSize): boolean {
    const own = isPerClient || waiter === undefined ? 0 : (this.#counts.get(waiter) ?? 0)
    return this.length >= maxQueued || (own > 0 && own >= Math.ceil(maxQueued / 2))
  }

  displacedBy(): undefined {
    return undefined
  }

  expectedWaitMs(): undefined {
    return undefined
  }

  #count(waiter: string | undefined, change: 1 | -1): void {
    if (waiter === undefined) return
    const count = (this.#counts.get(waiter) ?? 0) + change
    if (count > 0) this.#counts.set(waiter, count)
    else this.#counts.delete(waiter)
  }
}
