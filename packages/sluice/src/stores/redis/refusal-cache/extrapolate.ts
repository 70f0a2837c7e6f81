import { fixedWindow } from '../../../algorithms/fixed-window.js'
import { tokenBucket } from '../../../algorithms/token-bucket.js'
import type { Verdict } from '../../../algorithms/verdict.js'
import { capacityOf, type Limit } from '../../../limits/limit.js'

/**
 * Returns the verdict on a cost that an earlier verdict implies, provided that nothing has been
 * taken or refunded since. Takes nothing. Returns undefined if the earlier verdict does not
 * determine one.
 *
 * For a token bucket and a fixed window, a verdict contains the complete state. For a sliding
 * window and a log, a verdict determines only the verdicts on the same cost, on costs that fit, and
 * on costs above the capacity, until the remaining quota changes. Leases may end at any moment, so
 * a verdict on them never implies that a cost does not fit.
 *
 * @param before the earlier verdict, on a charge of a refused request
 * @param previousCost the cost of that charge
 * @param elapsed milliseconds since the earlier verdict, at least 0
 */
export function extrapolate(
  limit: Limit,
  before: Verdict,
  previousCost: number,
  elapsed: number,
  cost: number,
): Verdict | undefined {
  if (limit.algorithm === 'token-bucket') {
    const { at, resetAfter } = before
    const state = { at, level: (resetAfter * limit.limit) / limit.period }
    return judgeUntaken(tokenBucket.judge, limit, tokenBucket.advance(limit, state, at + elapsed), cost)
  }
  if (limit.algorithm === 'fixed-window') {
    const { at, remaining, resetAfter } = before
    // A new window may have started since.
    if (resetAfter > 0 && elapsed >= resetAfter) return undefined
    const state = { at: at + elapsed, start: at, end: at + resetAfter, count: limit.limit - remaining }
    return judgeUntaken(fixedWindow.judge, limit, state, cost)
  }
  return extrapolateUsage(limit, before, previousCost, elapsed, cost)
}

/** Judges a cost without taking it. */
function judgeUntaken<L, S>(
  judge: (limit: L, state: S, cost: number) => Verdict,
  limit: L,
  state: S,
  cost: number,
): Verdict {
  const verdict = judge(limit, state, cost)
  return verdict.allowed ? judge(limit, state, 0) : verdict
}

/** Extrapolates a verdict of an algorithm whose verdicts do not contain the state. */
function extrapolateUsage(
  limit: Limit,
  before: Verdict,
  previousCost: number,
  elapsed: number,
  cost: number,
): Verdict | undefined {
  const isUsed = before.resetAfter > 0
  if (isUsed && elapsed >= before.moreAfter) return undefined
  const later = {
    ...before,
    at: before.at + elapsed,
    resetAfter: isUsed ? before.resetAfter - elapsed : 0,
    moreAfter: isUsed ? before.moreAfter - elapsed : 0,
  }
  if (cost <= before.remaining) return { ...later, allowed: true, retryAfter: 0 }
  if (limit.algorithm === 'concurrency') return undefined
  if (cost > capacityOf(limit)) return { ...later, allowed: false, retryAfter: Number.POSITIVE_INFINITY }
  if (before.allowed || cost !== previousCost || elapsed >= before.retryAfter) return undefined
  return { ...later, retryAfter: before.retryAfter - elapsed }
}
