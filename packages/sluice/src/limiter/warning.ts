import { createHash } from 'node:crypto'
import { capacityOf, type FixedWindowLimit, type Limit } from '../limits/limit.js'
import type { StoreVerdict } from '../stores/store.js'
import { calendarWindow } from '../time/calendar.js'

/** The settled use of a key that has reached a threshold of its rule's `warn`. */
export interface QuotaWarning {
  /** The highest threshold reached, as a fraction of the limit. */
  readonly threshold: number
  /** Settled units used in the current window. */
  readonly used: number
  /** The start of the window, in milliseconds since 1970. */
  readonly start: number
  /** The end of the window, in milliseconds since 1970. */
  readonly reset: number
}

/** A verdict with what a rule with `warn` or `soft` knows about its key. */
export interface AccountedVerdict extends StoreVerdict {
  /** Units that open requests have reserved. Undefined if the rule reserves none. */
  readonly reserved?: number
  /** Units in use above a soft limit; undefined if there are none. */
  readonly overrun?: number
}

/** Reports whether a verdict counts a key on its own, in the store itself. */
export function isCounted({ overflow, degraded, remembered }: StoreVerdict): boolean {
  return overflow === undefined && degraded === undefined && remembered === undefined
}

/** The earliest value that a store's time can have if it counts from 1970: March 1973. */
const EPOCH_TIMES = 1e11

/**
 * Returns the warning for a settled use; undefined if no threshold is reached.
 *
 * @param thresholds fractions of the limit, in ascending order
 * @param verdict the store's time, and the time until the window ends
 */
export function warningOf(
  thresholds: readonly number[],
  limit: Limit,
  used: number,
  { at, resetAfter }: { readonly at: number; readonly resetAfter: number },
): QuotaWarning | undefined {
  // A function may return a limit that has no window.
  if (limit.algorithm !== 'fixed-window') return undefined
  const threshold = reachedThreshold(thresholds, used / capacityOf(limit))
  if (threshold === undefined) return undefined
  const end = at + resetAfter
  // The memory store counts from the start of the process.
  const reset = Math.round(at >= EPOCH_TIMES ? end : performance.timeOrigin + end)
  return { threshold, used, start: startOf(limit, reset), reset }
}

/** Returns the warning for the verdict on a charge; undefined if there is none. */
export function warningOfVerdict(
  thresholds: readonly number[] | undefined,
  limit: Limit,
  verdict: AccountedVerdict,
): QuotaWarning | undefined {
  if (thresholds === undefined || !isCounted(verdict)) return undefined
  const { remaining, reserved = 0, overrun = 0 } = verdict
  return warningOf(thresholds, limit, capacityOf(limit) - remaining + overrun - reserved, verdict)
}

/** Returns the highest threshold that a fraction of the limit reaches. Tolerates rounding errors. */
function reachedThreshold(thresholds: readonly number[], fraction: number): number | undefined {
  let reached: number | undefined
  for (const threshold of thresholds) if (fraction >= threshold * (1 - 1e-12)) reached = threshold
  return reached
}

function startOf(limit: FixedWindowLimit, reset: number): number {
  return limit.align === 'calendar'
    ? calendarWindow(reset - 1, limit.period, limit.timeZone).start
    : reset - limit.period
}

/**
 * Returns the ID of a threshold: the same in every process for the same rule, key, window and
 * threshold. Times of one window may differ by a rounding error, so they are rounded to seconds.
 */
export function thresholdId(scope: string, key: string, start: number, threshold: number): string {
  const parts = JSON.stringify([scope, key, Math.round(start / 1000), threshold])
  return createHash('sha256').update(parts).digest('base64url').slice(0, 32)
}

/** Maximum number of keys whose announced thresholds are remembered, per generation. */
const MAX_KEYS = 10_000

/** Remembers which thresholds this process has announced. */
export class AnnouncedThresholds {
  // A full map becomes the older one.
  #recent = new Map<string, { readonly start: number; readonly threshold: number }>()
  #older = new Map<string, { readonly start: number; readonly threshold: number }>()

  /** Returns the thresholds that a warning reaches and that were not announced. */
  add(
    scope: string,
    key: string,
    { start, threshold }: QuotaWarning,
    thresholds: readonly number[],
  ): readonly number[] {
    const id = `${scope}\n${key}`
    const known = this.#recent.get(id) ?? this.#older.get(id)
    const isSameWindow = known !== undefined && Math.abs(known.start - start) < 500
    if (isSameWindow && known.threshold >= threshold) return []
    if (this.#recent.size >= MAX_KEYS && !this.#recent.has(id)) {
      this.#older = this.#recent
      this.#recent = new Map()
    }
    this.#recent.set(id, { start, threshold })
    const above = isSameWindow ? known.threshold : 0
    return thresholds.filter((each) => each > above && each <= threshold)
  }
}
