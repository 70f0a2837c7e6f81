import { UNITS_PER_CURRENCY } from 'sluice/internal'
import type { GatewayConfig } from '../../policy/config/config.js'
import { createEvaluator, type TraceToReread } from './evaluate.js'
import { type Objective, parseObjective } from './objective.js'
import type { Refusals } from './objective-meter.js'
import { meetsAdmissions, type Point, type SearchResult, search } from './search.js'
import type { SuggestOptions } from './suggest-options.js'
import { findTarget, type Target, textOf, withCandidate } from './suggest-target.js'

/** The result of searching for a limit that meets an objective. */
export interface Suggestion {
  readonly route: string
  readonly rule: string
  /** The currency of a limit on money; absent for others. */
  readonly currency?: string
  /** Index among the rules of the route. */
  readonly index: number
  /** The current limit. */
  readonly current: string
  /** The tightest limit that meets the objective; null if none does. */
  readonly granted: SuggestedLimit | null
  /** If no limit meets the objective: the nearest limits, each of which meets part of it. */
  readonly nearest: readonly SuggestedLimit[]
  /** All limits tried with the same ratio of burst to limit as the best one. */
  readonly curve: readonly SuggestedLimit[]
}

export interface SuggestedLimit {
  /** The limit as in a configuration. */
  readonly text: string
  /** Units, of which there are 10^9 in a unit of a currency. */
  readonly limit: number
  readonly burst: number | null
  readonly clauses: readonly ClauseResult[]
  /** All requests, and the refused ones among them. */
  readonly requests: number
  readonly refused: number
}

/** Result for one clause of the objective. */
export interface ClauseResult {
  readonly clause: string
  /** Fraction of refused requests, or the peak amount admitted within a period. */
  readonly value: number
  /** The currency of `value` and `most`, if they are amounts of money. */
  readonly currency?: string
  /** For a `refuse` clause, the fraction of requests refused only by other rules; otherwise 0. */
  readonly byOthers: number
  /** Bound of the clause. */
  readonly most: number
  /** True if the clause is met. */
  readonly granted: boolean
}

/**
 * Searches for the tightest limit and burst of a rule that meet an objective. Reads the trace
 * several times.
 *
 * @param trace a file, or a function that opens a stream of it
 * @param objectiveText such as `refuse at most 0.1% of requests; admit at most 2M tokens/minute`
 * @throws TraceError if the objective, the rule or the trace is invalid
 */
export async function suggest(
  trace: TraceToReread,
  config: GatewayConfig,
  objectiveText: string,
  options: SuggestOptions = {},
): Promise<Suggestion> {
  const objective = parseObjective(objectiveText)
  const target = findTarget(config, options.route, options.rule)
  const evaluate = await createEvaluator(trace, config, target, objective, options)
  const found = await search(
    objective,
    target.limit.limit,
    target.limit.algorithm === 'token-bucket',
    evaluate,
  )
  return suggestionOf(objective, target, found)
}

/** Returns the configuration with a suggested limit. */
export function withSuggested(
  config: GatewayConfig,
  { route, rule }: Suggestion,
  { limit, burst }: SuggestedLimit,
): GatewayConfig {
  return withCandidate(config, findTarget(config, route, rule), { limit, burst: burst ?? undefined })
}

function suggestionOf(
  objective: Objective,
  target: Target,
  { lowest, highest, points }: SearchResult,
): Suggestion {
  const limitOf = (point: Point) => suggestedLimit(objective, target, point)
  const meeting =
    objective.refuse.length > 0
      ? lowest.filter((point) => point !== undefined && meetsAdmissions(point, objective))
      : highest
  const [best] = defined(meeting).sort(objective.refuse.length > 0 ? tightestFirst : fewestRefusedFirst)
  // If no limit meets the objective, returns one that meets the `refuse` clauses and one that meets
  // the `admit` clauses.
  const nearest =
    best === undefined
      ? [
          ...defined(lowest).sort(leastAdmitted).slice(0, 1),
          ...defined(highest).sort(nearestFirst(objective)).slice(0, 1),
        ]
      : []
  const shown = best ?? nearest[0] ?? points.at(-1)
  const ofSameBurst = points.filter(
    (point) => shown !== undefined && Math.abs(burstRatio(point) - burstRatio(shown)) < 0.05,
  )
  return {
    route: target.route,
    rule: target.name,
    ...(target.limit.currency !== undefined && { currency: target.limit.currency }),
    index: target.index,
    current: textOf(target, {
      limit: target.limit.limit,
      burst: target.limit.algorithm === 'token-bucket' ? target.limit.burst : undefined,
    }),
    granted: best === undefined ? null : limitOf(best),
    nearest: nearest.map(limitOf),
    curve: ofSameBurst.map(limitOf),
  }
}

function suggestedLimit(objective: Objective, target: Target, point: Point): SuggestedLimit {
  const { measures, limit, burst } = point
  const refusals = objective.refuse.map(({ text, max }, index): ClauseResult => {
    const { requests, refused, byOthers } = measures.refuse[index] ?? NO_REFUSALS
    return {
      clause: text,
      value: requests === 0 ? 0 : refused / requests,
      byOthers: requests === 0 ? 0 : byOthers / requests,
      most: max,
      granted: refused <= max * requests,
    }
  })
  const admissions = objective.admit.map(({ text, max, currency }, index): ClauseResult => {
    const value = measures.admit[index] ?? 0
    const result = { clause: text, byOthers: 0, granted: value <= max }
    if (currency === undefined) return { ...result, value, most: max }
    return { ...result, value: value / UNITS_PER_CURRENCY, most: max / UNITS_PER_CURRENCY, currency }
  })
  return {
    text: textOf(target, point),
    limit,
    burst: burst ?? null,
    clauses: [...refusals, ...admissions],
    requests: measures.requests,
    refused: measures.refused,
  }
}

const NO_REFUSALS: Refusals = { requests: 0, refused: 0, byOthers: 0 }

function defined(points: readonly (Point | undefined)[]): Point[] {
  return points.filter((point) => point !== undefined)
}

function burstRatio({ limit, burst = 0 }: Point): number {
  return burst / limit
}

/** Orders limits by the maximum that a bucket admits in a period: limit plus burst. */
function tightestFirst(a: Point, b: Point): number {
  return a.limit + (a.burst ?? 0) - b.limit - (b.burst ?? 0) || a.limit - b.limit
}

function fewestRefusedFirst(a: Point, b: Point): number {
  return a.measures.refused - b.measures.refused || tightestFirst(a, b)
}

/** Orders limits by how far their refusals exceed the bounds of the `refuse` clauses. */
function nearestFirst({ refuse }: Objective): (a: Point, b: Point) => number {
  const excess = ({ measures }: Point) =>
    refuse.reduce((sum, { max }, index) => {
      const { requests, refused } = measures.refuse[index] ?? NO_REFUSALS
      return sum + Math.max(0, refused / Math.max(1, requests) - max)
    }, 0)
  return (a, b) => excess(a) - excess(b) || fewestRefusedFirst(a, b)
}

function leastAdmitted(a: Point, b: Point): number {
  const peak = ({ measures }: Point) => measures.admit[0] ?? 0
  return peak(a) - peak(b) || tightestFirst(a, b)
}
