import type { SimulatedRequest } from '../../simulation/simulated-request.js'

/** The waiting requests of each tenant, in the order of their arrival. */
export class TenantQueues {
  readonly #queues = new Map<string, SimulatedRequest[]>()
  #length = 0

  get length(): number {
    return this.#length
  }

  /** Returns the tenants with waiting requests, and the oldest request of each. */
  *heads(): Iterable<readonly [tenant: string, first: SimulatedRequest]> {
    for (const [tenant, [first]] of this.#queues) if (first !== undefined) yield [tenant, first]
  }

  has(tenant: string): boolean {
    return this.#queues.has(tenant)
  }

  push(request: SimulatedRequest): void {
    const queue = this.#queues.get(request.tenant)
    if (queue === undefined) this.#queues.set(request.tenant, [request])
    else queue.push(request)
    this.#length++
  }

  remove(request: SimulatedRequest): void {
    const queue = this.#queues.get(request.tenant)
    const index = queue?.indexOf(request) ?? -1
    if (queue === undefined || index < 0) return
    queue.splice(index, 1)
    if (queue.length === 0) this.#queues.delete(request.tenant)
    this.#length--
  }
}
