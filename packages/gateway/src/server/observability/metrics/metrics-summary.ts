import type { RequestOutcome } from '../request-outcome.js'
import { CountsBy } from './counters.js'

interface Counts {
  readonly total_requests: number
  readonly limited_requests: number
  /** Beside these two: every other way in which requests ended. */
  readonly outcomes: Readonly<Partial<Record<RequestOutcome, number>>>
}

/** All requests since the start, and those of each route. */
export interface MetricsSummary extends Counts {
  readonly endpoints: Readonly<Record<string, Counts>>
}

/** @param routes how the requests of each route have ended; the empty name is that of those which no route took */
export function summarize(routes: ReadonlyMap<string, CountsBy<RequestOutcome>>): MetricsSummary {
  const all = new CountsBy<RequestOutcome>()
  for (const outcomes of routes.values()) for (const [outcome, count] of outcomes) all.add(outcome, count)
  const endpoints = [...routes].map(([route, outcomes]) => [route || 'none', countsOf(outcomes)])
  return { ...countsOf(all), endpoints: Object.fromEntries(endpoints) }
}

function countsOf(outcomes: CountsBy<RequestOutcome>): Counts {
  return {
    total_requests: outcomes.total,
    limited_requests: outcomes.of('refused'),
    outcomes: Object.fromEntries(outcomes),
  }
}
