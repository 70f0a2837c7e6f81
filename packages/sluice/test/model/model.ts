import { capacityOf, type Limit } from '../../src/limits/limit.js'

/**
 * What one key has used of a limit, worked out from its whole history each time it is asked: slow, and plain enough to be seen to be
 * right. Times are whole milliseconds.
 */
export interface Model<L extends Limit> {
  /** What counts at a moment, if nothing else comes until then. */
  used(now: number): number
  take(now: number, cost: number, lease: string): void
  /** The clock was set back from one moment to an earlier one. */
  setBack(from: number, to: number): void
  /** The limit is another one of the same algorithm from now on; what is used is the same part of it. */
  change(now: number, limit: L): void
  /** A lease is over. */
  release?(lease: string): void
}

export interface Entry {
  readonly at: number
  readonly cost: number
}

export function sumOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, { cost }) => sum + cost, 0)
}

/** A history in which all came at one moment; none where nothing is used. */
export function allAt(at: number, cost: number): Entry[] {
  return cost === 0 ? [] : [{ at, cost }]
}

/** How many times as much the new limit holds. */
export function growth(from: Limit, to: Limit): number {
  return capacityOf(to) / capacityOf(from)
}

/** Where a moment lies once all times until now, or from now on, are that many times as long. */
export function stretched(at: number, now: number, times: number): number {
  return now - (now - at) * times
}
