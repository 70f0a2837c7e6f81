import type { WaitingLine } from '../../simulation/gateway-parts.js'
import type { SimulatedRequest } from '../../simulation/simulated-request.js'
import { TenantQueues } from './tenant-queues.js'

/** One request of each waiting tenant in turn (Nagle, RFC 970). */
export class RoundRobinLine implements WaitingLine {
  readonly #queues = new TenantQueues()
  /** The number of the turn in which each tenant was last served. */
  readonly #turns = new Map<string, number>()
  #turn = 0

  get length(): number {
    return this.#queues.length
  }

  push(request: SimulatedRequest): undefined {
    this.#queues.push(request)
  }

  first(): SimulatedRequest | undefined {
    let best: SimulatedRequest | undefined
    for (const [tenant, head] of this.#queues.heads())
      if (best === undefined || this.#turnOf(tenant) < this.#turnOf(best.tenant)) best = head
    return best
  }

  remove(request: SimulatedRequest): void {
    this.#queues.remove(request)
  }

  sent(request: SimulatedRequest): void {
    this.#queues.remove(request)
    this.#turns.set(request.tenant, ++this.#turn)
  }

  #turnOf(tenant: string): number {
    return this.#turns.get(tenant) ?? 0
  }
}
