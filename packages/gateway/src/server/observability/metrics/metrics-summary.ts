import type { RequestOutcome } from '../request-outcome.js'
import { CountsBy } from './counters.js'

interface Counts {
  readonly total_requests: number
  readonly limited_requests: number
  /** All requests by outcome. */
  readonly outcomes: Readonly<Partial<Record<RequestOutcome, number>>>
}

/** Request counts since the process started, in total and by route. */
export interface MetricsSummary extends Counts {
  readonly endpoints: Readonly<Record<string, Counts>>
}

/**
 * Sums the outcomes of all routes.
 *
 * @param routes outcomes by route; the empty name is for requests that match no route
 */
export function summarize(routes: ReadonlyMap<string, CountsBy<RequestOutcome>>): MetricsSummary {
  const total = new CountsBy<RequestOutcome>()
  for (const outcomes of routes.values()) for (const [outcome, count] of outcomes) total.add(outcome, count)
  const endpoints = [...routes].map(([route, outcomes]) => [route || 'none', countsOf(outcomes)])
  return { ...countsOf(total), endpoints: Object.fromEntries(endpoints) }
}

function countsOf(outcomes: CountsBy<RequestOutcome>): Counts {
  return {
    total_requests: outcomes.total,
    limited_requests: outcomes.of('refused'),
    outcomes: Object.fromEntries(outcomes),
  }
}
