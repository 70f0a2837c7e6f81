import { FairShare } from './fair-share.js'
import type { Waiting } from './order.js'
import type { Service, Share } from './share.js'

/** Maximum number of tenants that are remembered of lines in which nobody waits or is in flight. */
const MAX_IDLE_TENANTS = 10_000

/** The orders of lines that are fair, by line. They outlive a line while a tenant is in flight or owes. */
export class FairOrders<T extends Waiting> {
  readonly #orders = new Map<string, FairShare<T>>()
  /** The number of tenants of each idle line. The line that has been idle longest comes first. */
  readonly #idle = new Map<string, number>()
  #idleTenants = 0

  /** @param now returns milliseconds */
  constructor(
    private readonly now: () => number,
    private readonly maxIdleTenants = MAX_IDLE_TENANTS,
  ) {}

  /** Returns the order of a line, in which a request waits from now on. */
  of(lineId: string): FairShare<T> {
    this.#setBusy(lineId)
    const order = this.#orders.get(lineId) ?? new FairShare<T>(this.now, () => this.#onIdle(lineId))
    this.#orders.set(lineId, order)
    return order
  }

  /** Charges a request that is dispatched now. */
  begin(lineId: string, share: Share): Service {
    return this.of(lineId).begin(share)
  }

  #onIdle(lineId: string): void {
    this.#setBusy(lineId)
    const tenants = this.#orders.get(lineId)?.tenants ?? 0
    if (tenants === 0) {
      this.#orders.delete(lineId)
      return
    }
    this.#idle.set(lineId, tenants)
    this.#idleTenants += tenants
    for (const oldest of this.#idle.keys()) {
      if (this.#idleTenants <= this.maxIdleTenants) break
      this.#setBusy(oldest)
      this.#orders.delete(oldest)
    }
  }

  #setBusy(lineId: string): void {
    this.#idleTenants -= this.#idle.get(lineId) ?? 0
    this.#idle.delete(lineId)
  }
}
