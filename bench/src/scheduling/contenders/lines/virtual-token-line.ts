import type { WaitingLine } from '../../simulation/gateway-parts.js'
import type { SimulatedRequest } from '../../simulation/simulated-request.js'
import { TenantQueues } from './tenant-queues.js'

const INPUT_WEIGHT = 1
const OUTPUT_WEIGHT = 2

/**
 * The virtual token counter of Sheng et al., "Fairness in Serving Large Language Models" (OSDI'24):
 * the tenant with the smallest counter is next. Input is charged when a request is sent, output
 * while it is written. A tenant that returns is lifted to the smallest counter of those that wait.
 */
export class VirtualTokenLine implements WaitingLine {
  readonly #queues = new TenantQueues()
  readonly #counters = new Map<string, number>()
  /** Output that has been charged, by request. */
  readonly #charged = new Map<number, number>()

  get length(): number {
    return this.#queues.length
  }

  push(request: SimulatedRequest): undefined {
    const { tenant } = request
    if (!this.#queues.has(tenant)) {
      const smallest = Math.min(...[...this.#queues.heads()].map(([other]) => this.#counter(other)))
      if (Number.isFinite(smallest)) this.#counters.set(tenant, Math.max(this.#counter(tenant), smallest))
    }
    this.#queues.push(request)
  }

  first(): SimulatedRequest | undefined {
    let best: SimulatedRequest | undefined
    for (const [tenant, head] of this.#queues.heads())
      if (best === undefined || this.#counter(tenant) < this.#counter(best.tenant)) best = head
    return best
  }

  remove(request: SimulatedRequest): void {
    this.#queues.remove(request)
  }

  sent(request: SimulatedRequest): void {
    this.#queues.remove(request)
    this.#charge(request.tenant, INPUT_WEIGHT * request.input)
  }

  wrote({ id, tenant }: SimulatedRequest, output: number): void {
    this.#charge(tenant, OUTPUT_WEIGHT * (output - (this.#charged.get(id) ?? 0)))
    this.#charged.set(id, output)
  }

  ended(request: SimulatedRequest): void {
    this.wrote(request, request.written)
    this.#charged.delete(request.id)
  }

  #counter(tenant: string): number {
    return this.#counters.get(tenant) ?? 0
  }

  #charge(tenant: string, service: number): void {
    this.#counters.set(tenant, this.#counter(tenant) + service)
  }
}
