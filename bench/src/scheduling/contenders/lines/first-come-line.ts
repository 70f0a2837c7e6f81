import type { WaitingLine } from '../../simulation/gateway-parts.js'
import type { SimulatedRequest } from '../../simulation/simulated-request.js'

/** First come, first served. A full line refuses newcomers. */
export class FirstComeLine implements WaitingLine {
  /** Insertion order is the order of arrival. */
  readonly #waiting = new Set<SimulatedRequest>()

  constructor(private readonly places = Number.POSITIVE_INFINITY) {}

  get length(): number {
    return this.#waiting.size
  }

  push(request: SimulatedRequest): SimulatedRequest | undefined {
    if (this.length >= this.places) return request
    this.#waiting.add(request)
    return undefined
  }

  first(): SimulatedRequest | undefined {
    return this.#waiting.values().next().value
  }

  remove(request: SimulatedRequest): void {
    this.#waiting.delete(request)
  }

  sent(request: SimulatedRequest): void {
    this.#waiting.delete(request)
  }
}
