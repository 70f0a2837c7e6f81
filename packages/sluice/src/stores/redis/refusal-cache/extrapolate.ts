import { fixedWindow } from '../../../algorithms/fixed-window.js'
import { tokenBucket } from '../../../algorithms/token-bucket.js'
import type { Verdict } from '../../../algorithms/verdict.js'
import { capacityOf, type Limit } from '../../../limits/limit.js'

/**
 * What an earlier verdict says of a cost some time later, had nothing come in between: the verdict that takes nothing.
 * Undefined where it does not tell.
 *
 * Of a token bucket and of a fixed window a verdict tells how full they are, and so all. A sliding window and a log tell
 * no more than they said, until what remains of them changes: of the same cost, and of one that fits. Leases may end at
 * any moment, so that they never tell that a cost does not fit.
 *
 * @param before a verdict that took nothing: a refusal, or one on a request that another charge refused
 * @param cost0 the cost that it was on
 * @param elapsed milliseconds since; at least 0
 */
export function extrapolate(
  limit: Limit,
  before: Verdict,
  cost0: number,
  elapsed: number,
  cost: number,
): Verdict | undefined {
  if (limit.algorithm === 'token-bucket') {
    const { at, resetAfter } = before
    const state = { at, level: (resetAfter * limit.limit) / limit.period }
    return untaken(tokenBucket.judge, limit, tokenBucket.advance(limit, state, at + elapsed), cost)
  }
  if (limit.algorithm === 'fixed-window') {
    const { at, remaining, resetAfter } = before
    // Another window may have opened since.
    if (resetAfter > 0 && elapsed >= resetAfter) return undefined
    const state = { at: at + elapsed, start: at, end: at + resetAfter, count: limit.limit - remaining }
    return untaken(fixedWindow.judge, limit, state, cost)
  }
  return faded(limit, before, cost0, elapsed, cost)
}

function untaken<L, S>(
  judge: (limit: L, state: S, cost: number) => Verdict,
  limit: L,
  state: S,
  cost: number,
): Verdict {
  const verdict = judge(limit, state, cost)
  return verdict.allowed ? judge(limit, state, 0) : verdict
}

function faded(
  limit: Limit,
  before: Verdict,
  cost0: number,
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
  if (before.allowed || cost !== cost0 || elapsed >= before.retryAfter) return undefined
  return { ...later, retryAfter: before.retryAfter - elapsed }
}
