import type { WaitingLine } from '../../simulation/gateway-parts.js'
import type { SimulatedRequest } from '../../simulation/simulated-request.js'
import { TenantQueues } from './tenant-queues.js'

export interface LeastAttainedServiceOptions {
  /** Weight of the attained service in the score. The time that the oldest request waits has the rest. */
  readonly serviceWeight: number
  readonly halfLifeMs: number
}

/** The defaults of llm-d. */
const LLM_D_DEFAULTS: LeastAttainedServiceOptions = { serviceWeight: 0.8, halfLifeMs: 60_000 }

interface Attained {
  service: number
  /** Time at which `service` was last decayed. */
  at: number
}

/**
 * Least attained service, as in the flow control of llm-d (llm-d/llm-d-router at ebab687,
 * `strategy_las.go`): the score of a tenant is `w·(1 − service) + (1 − w)·wait`, with both normalized
 * to the range of the waiting tenants. Service (input + 2 × output) is added when a response is
 * complete, and halves in `halfLifeMs`.
 */
export class LeastAttainedServiceLine implements WaitingLine {
  readonly #queues = new TenantQueues()
  readonly #attained = new Map<string, Attained>()

  constructor(private readonly options: LeastAttainedServiceOptions = LLM_D_DEFAULTS) {}

  get length(): number {
    return this.#queues.length
  }

  push(request: SimulatedRequest): undefined {
    this.#queues.push(request)
  }

  first(now: number): SimulatedRequest | undefined {
    const entries = [...this.#queues.heads()].map(([tenant, head]) => ({
      head,
      service: this.#decayed(tenant, now).service,
      wait: now - head.arrival.at,
    }))
    const service = range(entries.map((entry) => entry.service))
    const wait = range(entries.map((entry) => entry.wait))
    const weight = this.options.serviceWeight
    let best: SimulatedRequest | undefined
    let bestScore = Number.NEGATIVE_INFINITY
    for (const entry of entries) {
      const score = weight * (1 - service(entry.service)) + (1 - weight) * wait(entry.wait)
      if (score <= bestScore) continue
      bestScore = score
      best = entry.head
    }
    return best
  }

  remove(request: SimulatedRequest): void {
    this.#queues.remove(request)
  }

  sent(request: SimulatedRequest): void {
    this.#queues.remove(request)
  }

  ended({ tenant, input, written }: SimulatedRequest, now: number): void {
    this.#decayed(tenant, now).service += input + 2 * written
  }

  #decayed(tenant: string, now: number): Attained {
    const attained = this.#attained.get(tenant) ?? { service: 0, at: now }
    this.#attained.set(tenant, attained)
    attained.service *= 2 ** ((attained.at - now) / this.options.halfLifeMs)
    attained.at = now
    return attained
  }
}

/** Returns a function that maps the range of the values to 0 to 1. */
function range(values: readonly number[]): (value: number) => number {
  const [min, max] = [Math.min(...values), Math.max(...values)]
  return (value) => (max > min ? (value - min) / (max - min) : 0)
}
