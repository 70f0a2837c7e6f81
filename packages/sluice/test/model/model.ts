import type { Limit } from '../../src/limits/limit.js'

/**
 * Reference model of the usage of one key under a limit, computed from its whole history.
 *
 * It is slow, and simple enough to be checked by reading. Times are whole milliseconds.
 *
 * Amounts are in units. A limit passed to a method has the model's algorithm, and may differ in
 * capacity or rate.
 */
export interface Model<L extends Limit> {
  /** Returns the units in use under a limit at a given time. */
  used(now: number, limit: L): number
  take(now: number, cost: number, limit: L, lease: string): void
  /** Records a charge under another algorithm. */
  takeUnderOther(now: number, cost: number, limit: L): void
  /** Adjusts the history to a clock that was set back. */
  setBack(from: number, to: number): void
  /** Returns the usage to convert to another algorithm; undefined if nothing is in use. */
  usage(now: number): Usage | undefined
  /** Replaces the history with the usage under another algorithm. */
  begin(now: number, usage: Usage): void
  /** Returns the time from which no charge counts. */
  expiresAt(): number
  /** Ends a lease. */
  release?(lease: string): void
}

/** Used units, and the times of the first and the last charge. */
export interface Usage {
  readonly units: number
  readonly first: number
  readonly last: number
}

export interface Entry {
  readonly at: number
  readonly cost: number
}

export function sumOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, { cost }) => sum + cost, 0)
}

/** Returns a history of a single charge; empty if the cost is 0. */
export function singleEntry(at: number, cost: number): Entry[] {
  return cost === 0 ? [] : [{ at, cost }]
}

/** Returns the start of a window with all charges, or with only the last if they do not fit. */
export function windowStart({ first, last }: Usage, period: number): number {
  return last - first < period ? first : last
}
