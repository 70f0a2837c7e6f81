import { type Limit, sameLimit } from '../../limits/limit.js'
import { withTolerance } from '../../limits/tolerance.js'
import { type CalendarWindow, calendarWindow } from '../../time/calendar.js'

/** An id that no limit has. */
export const NO_ID = 255

/** The ways in which a state is stored as numbers. Constants, so that V8 compiles jump tables. */
export const BUCKET = 0
export const FIXED = 1
export const CALENDAR = 2
export const SLIDING = 3
export const LOG = 4
export const SLOTS = 5

/** Returns the way in which the state of a limit is stored. */
export function kindOf(limit: Limit): number {
  switch (limit.algorithm) {
    case 'token-bucket':
      return BUCKET
    case 'fixed-window':
      return limit.align === 'calendar' ? CALENDAR : FIXED
    case 'sliding-window':
      return SLIDING
    case 'sliding-log':
      return LOG
    case 'concurrency':
      return SLOTS
  }
}

/** A limit with its id and the numbers that a decision needs. */
export class LimitEntry {
  readonly kind: number
  /** Units per period. */
  readonly units: number
  /** Milliseconds: the period of a rate, or the lease of slots. */
  readonly period: number
  /** The largest usage that fits, with tolerance. */
  readonly capacity: number
  /** The number of states under this limit. */
  references = 0
  /** False after the id has been assigned to another limit. */
  isCurrent = true
  /** The current calendar window. */
  windowStart = Number.NaN
  windowEnd = 0
  /** The last other window that `windowEndOf` computed. */
  #otherStart = Number.NaN
  #otherEnd = 0

  constructor(
    readonly id: number,
    readonly limit: Limit,
  ) {
    this.kind = kindOf(limit)
    this.units = limit.limit
    this.period = limit.algorithm === 'concurrency' ? limit.lease : limit.period
    this.capacity =
      limit.algorithm === 'concurrency'
        ? limit.limit
        : withTolerance(limit.algorithm === 'token-bucket' ? limit.burst : limit.limit)
  }

  /** Reports whether a bucket drains faster under this limit than under another one. */
  isFasterThan(other: LimitEntry): boolean {
    return this.units / this.period > other.units / other.period
  }

  /** Sets the current calendar window. */
  setWindowAt(wallTime: number): void {
    if (wallTime >= this.windowStart && wallTime < this.windowEnd) return
    const { start, end } = this.#windowAt(wallTime)
    this.windowStart = start
    this.windowEnd = end
  }

  /** Returns the end of the calendar window with this start. */
  windowEndOf(start: number): number {
    if (start === this.windowStart) return this.windowEnd
    // While many keys of one window expire, its end is needed repeatedly.
    if (start !== this.#otherStart) {
      this.#otherStart = start
      this.#otherEnd = this.#windowAt(start).end
    }
    return this.#otherEnd
  }

  #windowAt(wallTime: number): CalendarWindow {
    return calendarWindow(wallTime, this.period, (this.limit as { readonly timeZone?: string }).timeZone)
  }
}

/** Assigns ids to limits, so that one byte identifies the limit of a state. */
export class LimitEntries {
  readonly #entries: LimitEntry[] = []
  #latest: LimitEntry | undefined

  /** Returns the entry of an id in use. */
  at(id: number): LimitEntry {
    return this.#entries[id] as LimitEntry
  }

  /**
   * Returns the entry of a limit; undefined if 255 other limits have states, or if the limit has
   * `initial`, whose states are objects.
   */
  of(limit: Limit): LimitEntry | undefined {
    if (this.#latest !== undefined && sameLimit(this.#latest.limit, limit)) return this.#latest
    let entry = this.#entries.find((known) => sameLimit(known.limit, limit))
    if (entry === undefined) {
      if (limit.algorithm === 'token-bucket' && limit.initial !== undefined) return undefined
      let id = this.#entries.length
      if (id === NO_ID) {
        id = this.#entries.findIndex(({ references }) => references === 0)
        if (id === -1) return undefined
        this.at(id).isCurrent = false
      }
      entry = new LimitEntry(id, limit)
      this.#entries[id] = entry
    }
    this.#latest = entry
    return entry
  }
}
