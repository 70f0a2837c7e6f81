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
  /** The units in use under a limit at a given time. */
  used(now: number, limit: L): number
  take(now: number, cost: number, limit: L, lease: string): void
  /** Records a charge under another algorithm. */
  takeUnderOther(now: number, cost: number, limit: L): void
  /** Adjusts the history to a clock that was set back. */
  setBack(from: number, to: number): void
  /** The state for another algorithm: the used units, and the times of the first and last charge. */
  usage(now: number): Usage | undefined
  /** Starts from the state of another algorithm. */
  begin(now: number, usage: Usage): void
  /** The time at which no charge counts any more. */
  expiresAt(): number
  /** Ends a lease. */
  release?(lease: string): void
}

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

/** A history of one charge at one time; empty if nothing is used. */
export function singleEntry(at: number, cost: number): Entry[] {
  return cost === 0 ? [] : [{ at, cost }]
}

/** The start of a window that holds all known charges, or only the last if one cannot hold all. */
export function opening({ first, last }: Usage, period: number): number {
  return last - first < period ? first : last
}
