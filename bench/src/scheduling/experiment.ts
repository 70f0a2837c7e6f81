import type { Traces } from './arrivals/traces.js'
import type { SearchReport } from './search.js'

/** The seeds of arrivals on which contenders are compared. */
export const SEEDS = [1, 2, 3, 4, 5] as const
/** A group of comparisons that share runs. */
export interface Experiment {
  /** The comparisons, such as `F1`. */
  readonly ids: readonly string[]
  readonly title: string
  run(context: Context): Row[]
}

export interface Context {
  readonly traces: Traces
  /** Adds a search for the parameters of a contender to the report. */
  reportSearch(search: SearchReport): void
}

/** A figure for each seed, and its bounds. */
export interface Row {
  readonly id: string
  /** What is measured, and compared with what. */
  readonly figure: string
  readonly better: 'less' | 'more'
  /** One value per seed, in the order of the seeds. */
  readonly values: readonly number[]
  /** Bound of the median; absent for figures that are shown for comparison only. */
  readonly target?: number
  /** Bound of the worst seed. Default: none. */
  readonly worstTarget?: number
}

/** Explains why an experiment cannot run, such as a trace that is missing. */
export class CannotMeasure extends Error {
  override readonly name = 'CannotMeasure'
}

/** Stands for a ratio to nothing. */
export const MAX_RATIO = 1_000_000

/** Returns a · b⁻¹ for each seed, at most a million. */
export function ratios(a: readonly number[], b: readonly number[]): number[] {
  return a.map((value, index) => Math.min(MAX_RATIO, value / (b[index] ?? Number.NaN)))
}
