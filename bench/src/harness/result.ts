import type { Table, Target } from './bench.js'
import type { Machine } from './machine.js'
import type { Figures } from './race.js'
import { median, quartiles } from './statistics.js'

/** The result of one run of a benchmark, in the format of `results/NAME/TIME.json`. */
export interface BenchResult {
  readonly title: string
  /** End of the run, in ISO 8601. */
  readonly date: string
  readonly machine: Machine
  readonly cases: readonly CaseResult[]
}

export interface CaseResult {
  readonly name: string
  readonly unit: string
  readonly better: 'less' | 'more'
  readonly rounds: number
  readonly standings: readonly Standing[]
  readonly targets: readonly TargetResult[]
}

/** The result of one contender, or the reason why it did not run. */
export type Standing = Pick<Figures, 'name' | 'role'> &
  (
    | {
        readonly median: number
        /** The first and the third quartile of the figures. */
        readonly quartiles: readonly [number, number]
        /** Median of the ratios within the rounds; absent if no peer was measured. */
        readonly toBestPeer?: number
        readonly toFloor?: number
        readonly figures: readonly number[]
      }
    | { readonly cannotRun: string }
  )

export interface TargetResult extends Target {
  /** The figure or ratio to compare with the bound; absent if a contender did not run. */
  readonly value?: number
  readonly met?: boolean
}

export function resultOf(benchCase: Table, all: readonly Figures[]): CaseResult {
  const ran = all.filter(({ figures }) => figures.length > 0)
  const sign = benchCase.better === 'less' ? 1 : -1
  const best = (role: Figures['role']) =>
    ran
      .filter((figures) => figures.role === role)
      .toSorted((a, b) => sign * (median(a.figures) - median(b.figures)))[0]
  const [peer, floor] = [best('peer'), best('floor')]
  return {
    name: benchCase.name,
    unit: benchCase.unit,
    better: benchCase.better,
    rounds: Math.max(0, ...ran.map(({ figures }) => figures.length)),
    standings: all.map(({ name, role, figures, cannotRun }) =>
      figures.length === 0
        ? { name, role, cannotRun: cannotRun ?? 'not measured' }
        : {
            name,
            role,
            median: median(figures),
            quartiles: quartiles(figures),
            ...(peer && benchCase.ratios !== false && { toBestPeer: ratio(figures, peer.figures) }),
            ...(floor && benchCase.ratios !== false && { toFloor: ratio(figures, floor.figures) }),
            figures,
          },
    ),
    targets: (benchCase.targets ?? []).map((target) => targetResult(target, ran)),
  }
}

function targetResult(target: Target, ran: readonly Figures[]): TargetResult {
  const { contender, against, atMost = Number.POSITIVE_INFINITY, atLeast = 0 } = target
  const figuresOf = (name: string) => ran.find((figures) => figures.name === name)?.figures
  const own = figuresOf(contender)
  const others = against === undefined ? undefined : figuresOf(against)
  if (own === undefined || (against !== undefined && others === undefined)) return target
  const value = others === undefined ? median(own) : ratio(own, others)
  return { ...target, value, met: value <= atMost && value >= atLeast }
}

/** Returns the median of the ratios within the rounds, which cancels noise of a whole round. */
function ratio(own: readonly number[], others: readonly number[]): number {
  return median(own.map((figure, round) => figure / (others[round] ?? Number.NaN)))
}
