import type { Readable } from 'node:stream'
import type { GatewayConfig } from '../../config/config.js'
import type { ReplayObserver } from '../engine/played.js'
import { type PlayOptions, playAll } from '../play-all.js'
import { playOptions, type ReplayOptions } from '../replay.js'
import { senderName } from '../trace/senders.js'
import { ClientRates } from './client-rates.js'
import { meetsAdmissions, type Point, type SearchResult, search } from './search.js'
import { type Candidate, findTarget, type Target, textOf, withCandidate } from './target.js'
import { type RefuseWish, readWish, type Wish } from './wish.js'
import { type Concerns, WishMeter } from './wish-meter.js'

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
  readonly most: number
  readonly granted: boolean
}

export interface SuggestOptions extends ReplayOptions {
  /** The rule whose limit is searched for, where there are several. */
  readonly rule?: string | undefined
  /** Is told how often the trace was read, and how many limits were tried. */
  readonly onRound?: ((rounds: number, tried: number) => void) | undefined
}

/** A trace that can be read several times: a file, or what opens a stream of the same each time. */
export type TraceToReread = string | (() => Readable)

export function traceOnce(trace: TraceToReread): string | Readable {
  return typeof trace === 'string' ? trace : trace()
}

/** Keys that may be kept at a time, over all candidates that are played together. */
const MOST_KEYS = 2_000_000

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
  const wish = readWish(wishText)
  const target = findTarget(config, options.route, options.rule)
  const playing = playOptions(options)
  const { concerns, clients } = await whomItConcerns(trace, config, wish, playing)
  const atOnce = Math.max(1, Math.floor(MOST_KEYS / Math.max(1, clients)))
  let rounds = 0
  let tried = 0
  const measure = async (candidates: readonly Candidate[]): Promise<Point[]> => {
    const points: Point[] = []
    for (let from = 0; from < candidates.length; from += atOnce) {
      const some = candidates.slice(from, from + atOnce)
      const meters = some.map(() => new WishMeter(wish, concerns))
      const players = some.map((candidate, index) => ({
        config: withCandidate(config, target, candidate),
        observer: (): ReplayObserver => meters[index] as WishMeter,
      }))
      await playAll(traceOnce(trace), players, playing)
      points.push(
        ...some.map((each, index) => ({ ...each, measures: (meters[index] as WishMeter).measures })),
      )
      rounds++
      tried += some.length
      options.onRound?.(rounds, tried)
    }
    return points
  }
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

/** Who each `refuse` clause is about. Clients under a rate are known once all that they send was seen. */
async function whomItConcerns(
  trace: TraceToReread,
  config: GatewayConfig,
  { refuse }: Wish,
  options: PlayOptions,
): Promise<{ readonly concerns: readonly Concerns[]; readonly clients: number }> {
  const rates = refuse.map(({ whom }) =>
    whom.kind === 'under' || whom.kind === 'over' ? new ClientRates(whom) : undefined,
  )
  const all = new ClientRates({ kind: 'under', limit: 1, period: 1 })
  const observer = (): ReplayObserver => ({
    decided(played) {
      all.decided(played)
      for (const each of rates) each?.decided(played)
      return undefined
    },
  })
  await playAll(traceOnce(trace), [{ config, observer }], options)
  return { concerns: refuse.map((clause, index) => concernsOf(clause, rates[index])), clients: all.clients }
}

function concernsOf({ whom }: RefuseWish, rates: ClientRates | undefined): Concerns {
  if (rates !== undefined) return ({ sender }) => rates.includes(sender)
  if (whom.kind === 'client') return (request) => senderName(request) === whom.name
  if (whom.kind === 'tier') return ({ tier }) => tier === whom.name
  return () => true
}

function suggestionOf(wish: Wish, target: Target, { lowest, highest, points }: SearchResult): Suggestion {
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

function suggestedLimit(wish: Wish, target: Target, point: Point): SuggestedLimit {
  const { measures, limit, burst } = point
  const refusals = wish.refuse.map(({ text, most }, index): ClauseResult => {
    const { requests, refused } = measures.refuse[index] ?? { requests: 0, refused: 0 }
    return {
      clause: text,
      value: requests === 0 ? 0 : refused / requests,
      most,
      granted: refused <= most * requests,
    }
  })
  const admissions = wish.admit.map(({ text, most }, index): ClauseResult => {
    const value = measures.admit[index] ?? 0
    return { clause: text, value, most, granted: value <= most }
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
function nearestFirst({ refuse }: Wish): (a: Point, b: Point) => number {
  const excess = ({ measures }: Point) =>
    refuse.reduce((sum, { most }, index) => {
      const { requests, refused } = measures.refuse[index] ?? { requests: 0, refused: 0 }
      return sum + Math.max(0, refused / Math.max(1, requests) - most)
    }, 0)
  return (a, b) => excess(a) - excess(b) || fewestRefusedFirst(a, b)
}

function leastAdmitted(a: Point, b: Point): number {
  const most = ({ measures }: Point) => measures.admit[0] ?? 0
  return most(a) - most(b) || tightestFirst(a, b)
}
