import type { Arrival } from './arrival.js'
import type { LengthSource } from './lengths.js'
import { Random } from './random.js'

export interface Traffic {
  readonly seed: number
  /** Requests per second, on average. */
  readonly perSecond: number
  readonly durationMs: number
  readonly lengths: LengthSource
  /** Names of the tenants, or how many. Default: 20. */
  readonly tenants?: number | readonly string[]
  /**
   * How the requests are dealt to tenants. `equal`: all alike. `zipf`: the k-th tenant sends 1/k as
   * much as the first. Default: `zipf`.
   */
  readonly shares?: 'equal' | 'zipf'
  /**
   * Squared coefficient of variation of the time between two requests. 1 is a Poisson process; with
   * more, gamma-distributed gaps make bursts. Default: 1.
   */
  readonly burstiness?: number
}

/** Generates the traffic of several tenants. Each request draws its tenant by the tenants' shares. */
export function generate(traffic: Traffic): Arrival[] {
  const { seed, perSecond, durationMs, tenants = 20, shares = 'zipf', burstiness = 1 } = traffic
  const random = new Random(seed)
  const names = typeof tenants === 'number' ? Array.from({ length: tenants }, (_, k) => `t${k + 1}`) : tenants
  const next = traffic.lengths(random)
  const deal = dealer(names, shares, random)
  const arrivals: Arrival[] = []
  let at = 0
  for (;;) {
    at += random.gamma(1 / burstiness, 1000 / perSecond)
    if (at >= durationMs) return arrivals
    arrivals.push({ at, tenant: deal(), ...next() })
  }
}

function dealer(names: readonly string[], shares: 'equal' | 'zipf', random: Random): () => string {
  if (shares === 'equal') return () => names[random.below(names.length)] as string
  const weights = names.map((_, index) => 1 / (index + 1))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return () => {
    let rest = random.next() * total
    for (const [index, name] of names.entries()) {
      rest -= weights[index] as number
      if (rest < 0) return name
    }
    return names[0] as string
  }
}

/** Returns requests of one tenant with equal gaps and equal lengths. */
export function steady(
  tenant: string,
  perSecond: number,
  durationMs: number,
  { input, output }: { readonly input: number; readonly output: number },
): Arrival[] {
  const count = Math.floor((durationMs / 1000) * perSecond)
  return Array.from({ length: count }, (_, index) => ({
    at: (index / perSecond) * 1000,
    tenant,
    input,
    output,
  }))
}
