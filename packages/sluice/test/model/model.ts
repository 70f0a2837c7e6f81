import type { Limit } from '../../src/limits/limit.js'

/**
 * What one key has used of a limit, worked out from its whole history each time it is asked: slow, and plain enough to be seen to be
 * right. Times are whole milliseconds.
 *
 * Everything is units. Where a limit is handed in, it is one that counts the same way, and may have another capacity or rate.
 */
export interface Model<L extends Limit> {
  /** What counts at a moment for a limit, if nothing else comes until then. */
  used(now: number, limit: L): number
  take(now: number, cost: number, limit: L, lease: string): void
  /** Something was taken by another way of counting. */
  takeElsewhere(now: number, cost: number, limit: L): void
  /** The clock was set back from one moment to an earlier one. */
  setBack(from: number, to: number): void
  /** What another way of counting may know: how much was used by now, and when the first and last of it came. */
  usage(now: number): Usage | undefined
  /** Begins from what another way of counting knows. */
  begin(now: number, usage: Usage): void
  /** When all that was taken no longer counts. */
  overAt(): number
  /** A lease is over. */
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

/** A history in which all came at one moment; none where nothing is used. */
export function allAt(at: number, cost: number): Entry[] {
  return cost === 0 ? [] : [{ at, cost }]
}

/** When a window opened that has to hold all of what is known; that of the last of it where one window cannot. */
export function opening({ first, last }: Usage, period: number): number {
  return last - first < period ? first : last
}
