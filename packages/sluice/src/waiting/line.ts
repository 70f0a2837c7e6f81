import type { MaybePromise } from '../maybe-promise.js'
import type { Timers } from '../time/timers.js'
import type { Order, Waiting } from './order.js'

/** What an attempt leads to: the request waits on, or has left the line. */
type Next = { readonly retryInMs: number } | 'left'

/**
 * A line of requests. The first one is tried when it comes first, on `wake`, and after the delay
 * that its last attempt returned. There is one attempt at a time.
 */
export class Line<T extends Waiting> {
  readonly order: Order<T>
  readonly #timers: Pick<Timers, 'start' | 'stop'>
  readonly #attempt: (entry: T) => MaybePromise<Next>
  #isServing = false
  #isAwake = false
  #timer: unknown

  /** @param attempt tries an entry, and removes it from the line if it does not wait on; never fails */
  constructor(
    order: Order<T>,
    timers: Pick<Timers, 'start' | 'stop'>,
    attempt: (entry: T) => MaybePromise<Next>,
  ) {
    this.order = order
    this.#timers = timers
    this.#attempt = attempt
  }

  push(entry: T): void {
    this.order.push(entry)
    if (this.order.first === entry) this.wake()
  }

  remove(entry: T): void {
    const wasFirst = this.order.first === entry
    this.order.remove(entry)
    // The next request may succeed where this one could not.
    if (wasFirst) this.wake()
  }

  /** Lets the first request try again. */
  wake(): void {
    this.#isAwake = true
    if (!this.#isServing) void this.#serve()
  }

  async #serve(): Promise<void> {
    this.#isServing = true
    while (this.#isAwake) {
      this.#isAwake = false
      this.#timers.stop(this.#timer)
      const { first } = this.order
      if (first === undefined) break
      const next = await this.#attempt(first)
      // There may be room for the next request, too.
      if (next === 'left') this.#isAwake = true
      else if (first === this.order.first) this.#timer = this.#timers.start(() => this.wake(), next.retryInMs)
      else this.#isAwake = true
    }
    this.#isServing = false
  }
}
