import type { Objective } from './objective.js'
import type { Measures } from './objective-meter.js'
import type { Candidate } from './suggest-target.js'

/** A candidate with its results. */
export interface Point extends Candidate {
  readonly measures: Measures
}

/** Replays the trace with each of several candidates. */
export type Evaluate = (candidates: readonly Candidate[]) => Promise<readonly Point[]>

/** Bursts to try, as multiples of the limit. */
const BURSTS = [0.5, 1, 2, 4]

/** Number of parts into which the candidates of one round divide a range. */
const PARTS = 5

/** Maximum number of times the current limit is doubled or halved. */
const MAX_DOUBLINGS = 20

/** Precision of the limits, in significant digits. */
const DIGITS = 3

function meetsRefusals({ measures }: Point, { refuse }: Objective): boolean {
  return measures.refuse.every(
    ({ requests, refused }, index) => refused <= (refuse[index]?.max ?? 1) * requests,
  )
}

export function meetsAdmissions({ measures }: Point, { admit }: Objective): boolean {
  return measures.admit.every((peak, index) => peak <= (admit[index]?.max ?? Number.POSITIVE_INFINITY))
}

export interface SearchResult {
  /** For each burst, the lowest limit that meets the `refuse` clauses; undefined if none does. */
  readonly lowest: readonly (Point | undefined)[]
  /**
   * For each burst, the highest limit that meets the `admit` clauses. Empty if one of the lowest
   * limits already meets them.
   */
  readonly highest: readonly (Point | undefined)[]
  /** All candidates evaluated, by burst and limit. */
  readonly points: readonly Point[]
}

/**
 * Searches for the lowest limit that meets the `refuse` clauses and the highest that meets the
 * `admit` clauses, for each of a few bursts. Refusals fall and admissions grow as the limit rises,
 * so each result is bracketed, to three significant digits, between a limit that meets the clauses
 * and one that does not.
 *
 * @param start the current limit
 * @param hasBurst whether the algorithm has a burst
 */
export async function search(
  objective: Objective,
  start: number,
  hasBurst: boolean,
  evaluate: Evaluate,
): Promise<SearchResult> {
  const points = new Map<string, Point>()
  const evaluateNew = async (candidates: readonly Candidate[]) => {
    const fresh = new Map(candidates.map((candidate) => [idOf(candidate), candidate]))
    for (const id of points.keys()) fresh.delete(id)
    if (fresh.size > 0)
      for (const point of await evaluate([...fresh.values()])) points.set(idOf(point), point)
  }
  const factors = hasBurst ? BURSTS : [undefined]
  const lowest = factors.map(
    (factor) => new Bracket(factor, (point) => meetsRefusals(point, objective), 'lowest'),
  )
  const highest = factors.map(
    (factor) => new Bracket(factor, (point) => meetsAdmissions(point, objective), 'highest'),
  )
  const close = async (brackets: readonly Bracket[]) => {
    for (;;) {
      const candidates = brackets.flatMap((bracket) => bracket.next(start, points))
      if (candidates.length === 0) break
      await evaluateNew(candidates)
    }
    return brackets.map((bracket) => bracket.best(points))
  }
  const lowestFound = objective.refuse.length > 0 ? await close(lowest) : []
  const isMet = lowestFound.some((point) => point !== undefined && meetsAdmissions(point, objective))
  const highestFound = objective.admit.length > 0 && !isMet ? await close(highest) : []
  return {
    lowest: lowestFound,
    highest: highestFound,
    points: [...points.values()].sort(
      (a, b) => (a.burst ?? 0) / a.limit - (b.burst ?? 0) / b.limit || a.limit - b.limit,
    ),
  }
}

function idOf({ limit, burst }: Candidate): string {
  return `${limit} ${burst ?? ''}`
}

/** Brackets the lowest or the highest acceptable limit. */
class Bracket {
  #octaves = 0
  #done = false

  constructor(
    private readonly factor: number | undefined,
    private readonly isAcceptable: (point: Point) => boolean,
    private readonly side: 'lowest' | 'highest',
  ) {}

  /** Returns the candidates of the next round; none once the bracket is closed. */
  next(start: number, points: ReadonlyMap<string, Point>): Candidate[] {
    if (this.#done) return []
    const tried = this.#tried(points)
    if (tried.length === 0) return this.#octavesAround(start)
    const good = tried.filter(this.isAcceptable)
    const bad = tried.filter((point) => !this.isAcceptable(point))
    const isLowest = this.side === 'lowest'
    const best = isLowest ? good[0] : good.at(-1)
    const worst = isLowest
      ? bad.findLast(({ limit }) => best === undefined || limit < best.limit)
      : bad.find(({ limit }) => best === undefined || limit > best.limit)
    if (best === undefined || worst === undefined) {
      // Widens the search while the results change.
      const outwards = (best === undefined) === isLowest
      const further =
        this.#octaves >= MAX_DOUBLINGS || this.#isFlat(tried, outwards) ? [] : this.#further(tried, outwards)
      this.#done = further.length === 0
      return further
    }
    const between = partsBetween(Math.min(best.limit, worst.limit), Math.max(best.limit, worst.limit))
    this.#done = between.length === 0
    return between.map((limit) => this.#candidate(limit))
  }

  /** Returns the best acceptable limit so far. */
  best(points: ReadonlyMap<string, Point>): Point | undefined {
    const good = this.#tried(points).filter(this.isAcceptable)
    return this.side === 'lowest' ? good[0] : good.at(-1)
  }

  #octavesAround(start: number): Candidate[] {
    this.#octaves = 3
    const limits = [-3, -2, -1, 0, 1, 2, 3].map((power) => roundLimit(start * 2 ** power))
    return [...new Set(limits)].map((limit) => this.#candidate(limit))
  }

  #further(tried: readonly Point[], up: boolean): Candidate[] {
    const outermost = (up ? tried.at(-1) : tried[0])?.limit ?? 1
    if (!up && outermost <= 1) return []
    this.#octaves += 3
    const limits = [1, 2, 3].map((power) => roundLimit(outermost * 2 ** (up ? power : -power)))
    return [...new Set(limits)].filter((limit) => limit !== outermost).map((limit) => this.#candidate(limit))
  }

  /**
   * Reports whether the two outermost limits have the same results, which shows that another rule
   * determines them.
   */
  #isFlat(tried: readonly Point[], up: boolean): boolean {
    const [one, other] = up ? tried.slice(-2) : tried.slice(0, 2)
    return other !== undefined && JSON.stringify(one?.measures) === JSON.stringify(other.measures)
  }

  #candidate(limit: number): Candidate {
    return {
      limit,
      burst: this.factor === undefined ? undefined : Math.max(1, roundLimit(limit * this.factor)),
    }
  }

  #tried(points: ReadonlyMap<string, Point>): Point[] {
    return [...points.values()]
      .filter((point) => point.burst === this.#candidate(point.limit).burst)
      .sort((a, b) => a.limit - b.limit)
  }
}

/**
 * Returns rounded limits that divide a range into parts; none if no limit lies within the range.
 */
function partsBetween(low: number, high: number): number[] {
  const parts = Array.from({ length: PARTS - 1 }, (_, part) =>
    roundLimit(low + ((high - low) * (part + 1)) / PARTS),
  )
  return [...new Set(parts)].filter((limit) => limit > low && limit < high)
}

/** Rounds to a whole number of three significant digits, at least 1. */
function roundLimit(limit: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, limit))) - DIGITS + 1)
  return Math.max(1, Math.round(limit / unit) * unit)
}
