import type { Objective } from './objective.js'
import type { Measures } from './objective-meter.js'
import type { Candidate } from './suggest-target.js'

/** A limit that was tried, and what came of it. */
export interface Point extends Candidate {
  readonly measures: Measures
}

/** Plays the trace with each of several candidates. */
export type Measure = (candidates: readonly Candidate[]) => Promise<readonly Point[]>

/** Bursts that are tried, as parts of the limit. */
const BURSTS = [0.5, 1, 2, 4]

/** Into so many parts a range is divided by the candidates of one round. */
const PARTS = 5

/** How far from the limit that there is a better one is looked for: by doubling or halving it so often. */
const DOUBLINGS = 20

/** Limits are looked for to three digits. */
const DIGITS = 3

/** How many `refuse` clauses are met is asked of rising limits, and how many `admit` clauses of falling ones. */
function meetsRefusals({ measures }: Point, { refuse }: Objective): boolean {
  return measures.refuse.every(
    ({ requests, refused }, index) => refused <= (refuse[index]?.most ?? 1) * requests,
  )
}

export function meetsAdmissions({ measures }: Point, { admit }: Objective): boolean {
  return measures.admit.every((most, index) => most <= (admit[index]?.most ?? Number.POSITIVE_INFINITY))
}

export interface SearchResult {
  /** For each burst that was tried: the lowest limit that refuses no more than is wished; undefined where none does. */
  readonly lowest: readonly (Point | undefined)[]
  /** And the highest that admits no more than is wished; not looked for where one of the lowest grants all. */
  readonly highest: readonly (Point | undefined)[]
  /** All that were tried, by burst and limit. */
  readonly points: readonly Point[]
}

/**
 * Looks for the lowest limit that refuses as little as is wished, and for the highest that admits as little, for each of a few
 * bursts. What is refused falls as the limit rises, and what is admitted grows; so each is closed in between one that will do and one
 * that will not, to three digits.
 *
 * @param start the limit that there is
 * @param bursts whether the algorithm has a burst
 */
export async function search(
  wish: Objective,
  start: number,
  bursts: boolean,
  measure: Measure,
): Promise<SearchResult> {
  const points = new Map<string, Point>()
  const tryAll = async (candidates: readonly Candidate[]) => {
    const fresh = new Map(candidates.map((candidate) => [idOf(candidate), candidate]))
    for (const id of points.keys()) fresh.delete(id)
    if (fresh.size > 0) for (const point of await measure([...fresh.values()])) points.set(idOf(point), point)
  }
  const factors = bursts ? BURSTS : [undefined]
  const lowest = factors.map((factor) => new Bracket(factor, (point) => meetsRefusals(point, wish), 'lowest'))
  const highest = factors.map(
    (factor) => new Bracket(factor, (point) => meetsAdmissions(point, wish), 'highest'),
  )
  const closeIn = async (brackets: readonly Bracket[]) => {
    for (;;) {
      const candidates = brackets.flatMap((bracket) => bracket.next(start, points))
      if (candidates.length === 0) break
      await tryAll(candidates)
    }
    return brackets.map((bracket) => bracket.best(points))
  }
  const lowestFound = wish.refuse.length > 0 ? await closeIn(lowest) : []
  const isGranted = lowestFound.some((point) => point !== undefined && meetsAdmissions(point, wish))
  const highestFound = wish.admit.length > 0 && !isGranted ? await closeIn(highest) : []
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

/** Closes in the last limit that will do, on one side: the lowest or the highest. */
class Bracket {
  #octaves = 0
  #done = false

  constructor(
    private readonly factor: number | undefined,
    private readonly willDo: (point: Point) => boolean,
    private readonly side: 'lowest' | 'highest',
  ) {}

  /** What is to be tried next; nothing where there is nothing to find out any more. */
  next(start: number, points: ReadonlyMap<string, Point>): Candidate[] {
    if (this.#done) return []
    const tried = this.#tried(points)
    if (tried.length === 0) return this.#octavesAround(start)
    const good = tried.filter(this.willDo)
    const bad = tried.filter((point) => !this.willDo(point))
    const isLowest = this.side === 'lowest'
    const best = isLowest ? good[0] : good.at(-1)
    const worst = isLowest
      ? bad.findLast(({ limit }) => best === undefined || limit < best.limit)
      : bad.find(({ limit }) => best === undefined || limit > best.limit)
    if (best === undefined || worst === undefined) {
      // Further out, while there is room and anything changes.
      const outwards = (best === undefined) === isLowest
      const further =
        this.#octaves >= DOUBLINGS || this.#isFlat(tried, outwards) ? [] : this.#further(tried, outwards)
      this.#done = further.length === 0
      return further
    }
    const between = partsBetween(Math.min(best.limit, worst.limit), Math.max(best.limit, worst.limit))
    this.#done = between.length === 0
    return between.map((limit) => this.#candidate(limit))
  }

  /** The last that will do. */
  best(points: ReadonlyMap<string, Point>): Point | undefined {
    const good = this.#tried(points).filter(this.willDo)
    return this.side === 'lowest' ? good[0] : good.at(-1)
  }

  #octavesAround(start: number): Candidate[] {
    this.#octaves = 3
    const limits = [-3, -2, -1, 0, 1, 2, 3].map((power) => rounded(start * 2 ** power))
    return [...new Set(limits)].map((limit) => this.#candidate(limit))
  }

  #further(tried: readonly Point[], up: boolean): Candidate[] {
    const outermost = (up ? tried.at(-1) : tried[0])?.limit ?? 1
    if (!up && outermost <= 1) return []
    this.#octaves += 3
    const limits = [1, 2, 3].map((power) => rounded(outermost * 2 ** (up ? power : -power)))
    return [...new Set(limits)].filter((limit) => limit !== outermost).map((limit) => this.#candidate(limit))
  }

  /** Whether the two outermost came out the same: then something else decides. */
  #isFlat(tried: readonly Point[], up: boolean): boolean {
    const [one, other] = up ? tried.slice(-2) : tried.slice(0, 2)
    return other !== undefined && JSON.stringify(one?.measures) === JSON.stringify(other.measures)
  }

  #candidate(limit: number): Candidate {
    return { limit, burst: this.factor === undefined ? undefined : Math.max(1, rounded(limit * this.factor)) }
  }

  #tried(points: ReadonlyMap<string, Point>): Point[] {
    return [...points.values()]
      .filter((point) => point.burst === this.#candidate(point.limit).burst)
      .sort((a, b) => a.limit - b.limit)
  }
}

/** Whole numbers of few digits that divide what is between two limits into parts; none where there is none between. */
function partsBetween(low: number, high: number): number[] {
  const parts = Array.from({ length: PARTS - 1 }, (_, part) =>
    rounded(low + ((high - low) * (part + 1)) / PARTS),
  )
  return [...new Set(parts)].filter((limit) => limit > low && limit < high)
}

/** To a whole number of three digits, at least 1. */
function rounded(limit: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, limit))) - DIGITS + 1)
  return Math.max(1, Math.round(limit / unit) * unit)
}
