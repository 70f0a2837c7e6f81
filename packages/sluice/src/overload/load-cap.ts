/** Part of the cap by which it grows at a time. */
const GROWTH = 0.1

/**
 * Limits the requests in flight by what the server's own metrics say, where the beginnings of
 * responses tell nothing. If too many requests wait in the server, the cap is what the server was
 * working on, and the few that may wait. It grows while it binds and few wait. Unlimited until
 * too many waited for the first time.
 *
 * Metrics are seldom, so its queues are longer than those of the window: about a tenth of what the
 * server works on.
 */
export class LoadCap {
  #cap = Number.POSITIVE_INFINITY

  /** The number of requests that may be in flight. At least 1. */
  get limit(): number {
    return this.#cap
  }

  /**
   * Takes the requests that wait in the server.
   *
   * @param mayGrow false if the server's memory is full
   */
  update(waiting: number, allowedQueue: number, inFlight: number, mayGrow: boolean): void {
    if (waiting > 2 * allowedQueue) this.#cap = Math.max(1, inFlight - waiting + allowedQueue)
    else if (inFlight >= Math.floor(this.#cap) && mayGrow) this.#cap += Math.max(1, GROWTH * this.#cap)
  }
}
