import type { Outcome } from '../proxy/traffic.js'

interface Counts {
  readonly total_requests: number
  readonly limited_requests: number
  /** Beside these two: every other way in which requests ended. */
  readonly outcomes: Readonly<Partial<Record<Outcome, number>>>
}

/** All requests since the start, and those of each route. */
export interface Summary extends Counts {
  readonly endpoints: Readonly<Record<string, Counts>>
}

/** Counts requests by route and outcome. */
export class TrafficSummary {
  readonly #routes = new Map<string, Map<Outcome, number>>()

  add(route: string, outcome: Outcome): void {
    const counted = this.#routes.get(route) ?? new Map<Outcome, number>()
    this.#routes.set(route, counted)
    counted.set(outcome, (counted.get(outcome) ?? 0) + 1)
  }

  read(): Summary {
    const all = new Map<Outcome, number>()
    for (const counted of this.#routes.values())
      for (const [outcome, count] of counted) all.set(outcome, (all.get(outcome) ?? 0) + count)
    const endpoints = [...this.#routes].map(([route, counted]) => [route || 'none', countsOf(counted)])
    return { ...countsOf(all), endpoints: Object.fromEntries(endpoints) }
  }
}

function countsOf(counted: ReadonlyMap<Outcome, number>): Counts {
  const total = [...counted.values()].reduce((sum, count) => sum + count, 0)
  return {
    total_requests: total,
    limited_requests: counted.get('refused') ?? 0,
    outcomes: Object.fromEntries(counted),
  }
}
