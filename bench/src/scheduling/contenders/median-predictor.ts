import type { Predictor } from '../simulation/gateway-parts.js'
import type { SimulatedRequest } from '../simulation/simulated-request.js'

const MAX_REMEMBERED = 200
/** The prediction before the first response of a tenant. */
const DEFAULT_OUTPUT = 128

/** Predicts the median of the last responses of a tenant. */
export class MedianPredictor implements Predictor {
  readonly #outputs = new Map<string, number[]>()

  predict({ tenant }: SimulatedRequest): number {
    const known = this.#outputs.get(tenant) ?? []
    return known.toSorted((a, b) => a - b)[known.length >> 1] ?? DEFAULT_OUTPUT
  }

  settled({ tenant, written }: SimulatedRequest): void {
    const known = this.#outputs.get(tenant) ?? []
    known.push(written)
    if (known.length > MAX_REMEMBERED) known.shift()
    this.#outputs.set(tenant, known)
  }
}
