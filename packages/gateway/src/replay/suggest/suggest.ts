import type { GatewayConfig } from '../../policy/config/config.js'
import { measuring, type TraceToReread } from './evaluate.js'
import { type Objective, parseObjective } from './objective.js'
import type { Refusals } from './objective-meter.js'
import { meetsAdmissions, type Point, type SearchResult, search } from './search.js'
import type { SuggestOptions } from './suggest-options.js'
import { findTarget, type Target, textOf, withCandidate } from './suggest-target.js'

/** What limit comes nearest to a wish. */
export interface Suggestion {
  /** Where it belongs. */
  readonly route: string
  readonly rule: string
  /** Its place among the rules of the route. */
  readonly index: number
  /** As it is. */
  readonly current: string
  /** The tightest that grants the wish; null where none does. */
  readonly granted: SuggestedLimit | null
  /** Where none does: those that are nearest to it, each of which grants a part. */
  readonly nearest: readonly SuggestedLimit[]
  /** All that were tried with the burst of the best: how much is refused and admitted as the limit rises. */
  readonly curve: readonly SuggestedLimit[]
}

export interface SuggestedLimit {
  /** As a configuration has it. */
  readonly text: string
  readonly limit: number
  readonly burst: number | null
  readonly clauses: readonly ClauseResult[]
  /** Of all requests. */
  readonly requests: number
  readonly refused: number
}

/** What becomes of one clause of the wish. */
export interface ClauseResult {
  readonly clause: string
  /** Part of the requests that were refused, or the most that was let in within a period. */
  readonly value: number
  /** Of a part that was refused: what other rules alone refuse of it, whatever this limit is. Else 0. */
  readonly byOthers: number
  readonly most: number
  readonly granted: boolean
}

/**
 * Searches the limit of a rule, and its burst, for one that grants a wish: the tightest one, which lets in least. The trace is read
 * several times.
 *
 * @param trace a file, or what opens it as a stream
 * @throws TraceError for a wish that cannot be read, a rule that there is not, or what is no trace.
 */
export async function suggest(
  trace: TraceToReread,
  config: GatewayConfig,
  wishText: string,
  options: SuggestOptions = {},
): Promise<Suggestion> {
  const wish = parseObjective(wishText)
  const target = findTarget(config, options.route, options.rule)
  const measure = await measuring(trace, config, target, wish, options)
  const found = await search(wish, target.limit.limit, target.limit.algorithm === 'token-bucket', measure)
  return suggestionOf(wish, target, found)
}

/** The configuration with a limit that was suggested for it. */
export function withSuggested(
  config: GatewayConfig,
  { route, rule }: Suggestion,
  { limit, burst }: SuggestedLimit,
): GatewayConfig {
  return withCandidate(config, findTarget(config, route, rule), { limit, burst: burst ?? undefined })
}

function suggestionOf(
  wish: Objective,
  target: Target,
  { lowest, highest, points }: SearchResult,
): Suggestion {
  const limitOf = (point: Point) => suggestedLimit(wish, target, point)
  const granting =
    wish.refuse.length > 0
      ? lowest.filter((point) => point !== undefined && meetsAdmissions(point, wish))
      : highest
  const [best] = known(granting).sort(wish.refuse.length > 0 ? tightestFirst : fewestRefusedFirst)
  // Where no limit grants all: the one that refuses as little as is wished, and the one that admits as little.
  const nearest =
    best === undefined
      ? [
          ...known(lowest).sort(leastAdmitted).slice(0, 1),
          ...known(highest).sort(nearestFirst(wish)).slice(0, 1),
        ]
      : []
  const shown = best ?? nearest[0] ?? points.at(-1)
  const ofSameBurst = points.filter(
    (point) => shown !== undefined && Math.abs(burstPart(point) - burstPart(shown)) < 0.05,
  )
  return {
    route: target.route,
    rule: target.name,
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

function suggestedLimit(wish: Objective, target: Target, point: Point): SuggestedLimit {
  const { measures, limit, burst } = point
  const refusals = wish.refuse.map(({ text, most }, index): ClauseResult => {
    const { requests, refused, byOthers } = measures.refuse[index] ?? NO_REFUSALS
    return {
      clause: text,
      value: requests === 0 ? 0 : refused / requests,
      byOthers: requests === 0 ? 0 : byOthers / requests,
      most,
      granted: refused <= most * requests,
    }
  })
  const admissions = wish.admit.map(({ text, most }, index): ClauseResult => {
    const value = measures.admit[index] ?? 0
    return { clause: text, value, byOthers: 0, most, granted: value <= most }
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

function known(points: readonly (Point | undefined)[]): Point[] {
  return points.filter((point) => point !== undefined)
}

function burstPart({ limit, burst = 0 }: Point): number {
  return burst / limit
}

/** In a period a bucket lets in its limit and its burst at most. */
function tightestFirst(a: Point, b: Point): number {
  return a.limit + (a.burst ?? 0) - b.limit - (b.burst ?? 0) || a.limit - b.limit
}

function fewestRefusedFirst(a: Point, b: Point): number {
  return a.measures.refused - b.measures.refused || tightestFirst(a, b)
}

/** By how much more of the requests is refused than is wished. */
function nearestFirst({ refuse }: Objective): (a: Point, b: Point) => number {
  const excess = ({ measures }: Point) =>
    refuse.reduce((sum, { most }, index) => {
      const { requests, refused } = measures.refuse[index] ?? NO_REFUSALS
      return sum + Math.max(0, refused / Math.max(1, requests) - most)
    }, 0)
  return (a, b) => excess(a) - excess(b) || fewestRefusedFirst(a, b)
}

function leastAdmitted(a: Point, b: Point): number {
  const most = ({ measures }: Point) => measures.admit[0] ?? 0
  return most(a) - most(b) || tightestFirst(a, b)
}
