import type { TokenBucketLimit } from '../limits/limit.js'
import { levelNow, type TokenBucketState } from './token-bucket.js'
import type { Count } from './usage-counts.js'
import type { Verdict } from './verdict.js'

/**
 * Refuses a key for some time after its limit refused a request.
 *
 * The first request that the limit refuses starts a penalty. Until it ends, every charge to the key
 * is refused, and none of them extends it.
 *
 * A penalty is stored as a token bucket, so no store needs another format. A penalty of D ms that is
 * remembered for another M ms is a bucket that drains one unit per millisecond (`limit` = `period` =
 * D), with the burst M + D, and full at the start. It runs while the level exceeds M. D and M are part
 * of the stored limit, so changed options affect only later penalties. If the clock is set back, the
 * penalty keeps its end, but the end is at most D away.
 */
export interface Penalty {
  /** The length of the first penalty of a key, in milliseconds. */
  readonly durationMs: number
  /** The factor by which each further penalty is longer than the one before; 1 if none is. */
  readonly growth: number
  /**
   * The maximum length of a penalty, in milliseconds. If a key has no penalty for this long, its next
   * one has the length of the first. Equal to `durationMs` without growth.
   */
  readonly maxMs: number
}

/** @throws RangeError for a penalty that no store can count. */
export function checkPenalty({ durationMs, growth, maxMs }: Penalty): void {
  if (durationMs > 0 && growth >= 1 && maxMs >= durationMs && Number.isFinite(growth + maxMs)) return
  throw new RangeError(
    `a penalty needs a 'durationMs' above 0, a 'growth' of at least 1 and a 'maxMs' of at least 'durationMs', not ${durationMs}, ${growth} and ${maxMs}`,
  )
}

/** The rounding error of a level, in milliseconds. A penalty ends at most this much early. */
const ROUNDING_MS = 1e-6

/** Returns the milliseconds until the penalty in these counts ends; 0 if none runs. */
export function penaltyLeft(counts: readonly Count[], now: number): number {
  const stored = bucketIn(counts)
  if (stored === undefined) return 0
  const left = levelOf(stored, now) - memoryOf(stored.limit)
  return left > ROUNDING_MS ? left : 0
}

/** Returns the limit and the cost of the take that starts a penalty. None may be running. */
export function nextPenalty(
  { durationMs, growth, maxMs }: Penalty,
  counts: readonly Count[],
  now: number,
): { readonly limit: TokenBucketLimit; readonly cost: number } {
  const stored = bucketIn(counts)
  const level = stored === undefined ? 0 : levelOf(stored, now)
  const length =
    stored !== undefined && level > 0 && growth > 1
      ? Math.min(stored.limit.limit * growth, maxMs)
      : durationMs
  const burst = growth > 1 ? maxMs + length : length
  const limit: TokenBucketLimit = { algorithm: 'token-bucket', limit: length, period: length, burst }
  return { limit, cost: burst - level }
}

/**
 * Returns the verdict on a charge to a key with a penalty. A cost of 0 is still allowed.
 *
 * @param verdict the limit's verdict in a request that takes nothing
 * @param left milliseconds until the penalty ends
 */
export function penalizedVerdict<V extends Verdict>(verdict: V, left: number, cost: number): V {
  const { remaining, resetAfter, retryAfter, moreAfter } = verdict
  return {
    ...verdict,
    allowed: cost === 0,
    remaining: 0,
    resetAfter: Math.max(resetAfter, left),
    retryAfter: cost === 0 ? 0 : Math.max(retryAfter, left),
    moreAfter: remaining > 0 ? left : Math.max(moreAfter, left),
  }
}

interface PenaltyCount {
  readonly limit: TokenBucketLimit
  readonly state: TokenBucketState
}

function bucketIn(counts: readonly Count[]): PenaltyCount | undefined {
  return counts.find(({ limit }) => limit.algorithm === 'token-bucket') as PenaltyCount | undefined
}

function levelOf({ limit, state }: PenaltyCount, now: number): number {
  return levelNow(limit, state.at, state.level, now)
}

/** Returns the milliseconds for which a penalty is remembered after its end. */
function memoryOf({ burst, limit }: TokenBucketLimit): number {
  return burst - limit
}
