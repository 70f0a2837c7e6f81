/** Something that was let in. */
export interface Admission {
  /** When, in milliseconds. */
  readonly at: number
  readonly cost: number
}

/** Something that was given back of what was let in. */
export interface GivenBack {
  readonly cost: number
  /** Between which moments that was, in milliseconds; the same where it is known. */
  readonly from: number
  readonly to: number
}

/** The interval of a log, both ends included, that comes nearest to what its bound allows or is furthest beyond it. */
export interface Tightest {
  readonly from: number
  readonly to: number
  /** What was let in, less what may have been given back within the interval. */
  readonly admitted: number
  /** The bound of this interval. */
  readonly bound: number
  /** `admitted - bound`: at most 0 where the bound was kept. */
  readonly excess: number
}

/**
 * Where a log comes nearest to the bound of a token bucket, `burst + rate·(to − from)` in every interval; O(n log n).
 *
 * With P(i) for what was admitted before i, an interval from i to j breaks the bound iff
 * (P(j+1) − rate·at(j)) − (P(i) − rate·at(i)) > burst. So for each j the best i is the one with the least P(i) − rate·at(i)
 * of those up to j, which one pass keeps. Intervals that begin or end between admissions have a looser bound.
 *
 * What was `givenBack` counts less in every interval within which it may have been: where its `from` is not after the end, but for
 * where its `to` is before the start. So the one is taken off what was admitted until then, and the other off what was before.
 *
 * `rate`: units a millisecond. Undefined for an empty log.
 */
export function tightestInterval(
  log: readonly Admission[],
  burst: number,
  rate: number,
  givenBack: readonly GivenBack[] = [],
): Tightest | undefined {
  const sorted = inOrder(log)
  const backUntil = runningSum(givenBack.map(({ from, cost }) => ({ at: from, cost })))
  const backBefore = runningSum(givenBack.map(({ to, cost }) => ({ at: to, cost })))
  const origin = sorted[0]?.at ?? 0
  let worst: Tightest | undefined
  let start = { level: Number.POSITIVE_INFINITY, at: origin, before: 0 }
  let sum = 0
  for (const { at, cost } of sorted) {
    const drained = rate * (at - origin)
    const before = sum - backBefore((time) => time < at)
    // Of those that come to the same, the last has the fewest admissions to add up.
    if (before - drained <= start.level) start = { level: before - drained, at, before }
    sum += cost
    const until = sum - backUntil((time) => time <= at)
    const excess = until - drained - start.level - burst
    if (worst === undefined || excess > worst.excess)
      worst = spanOf(start.at, at, until - start.before, burst + rate * (at - start.at))
  }
  return worst
}

/** What costs come to up to some time, for times that rise. */
function runningSum(costs: readonly Admission[]): (counts: (time: number) => boolean) => number {
  const left = inOrder(costs)
  let sum = 0
  return (counts) => {
    for (let [next] = left; next !== undefined && counts(next.at); [next] = left) {
      sum += next.cost
      left.shift()
    }
    return sum
  }
}

/**
 * Where a log comes nearest to the bound of a sliding log, `limit` in every trailing period (to − period, to]; O(n log n).
 *
 * Undefined for an empty log.
 */
export function tightestPeriod(
  log: readonly Admission[],
  limit: number,
  period: number,
): Tightest | undefined {
  const sorted = inOrder(log)
  let worst: Tightest | undefined
  let head = 0
  let sum = 0
  for (const { at, cost } of sorted) {
    sum += cost
    for (let first = sorted[head]; first !== undefined && at - first.at >= period; first = sorted[head]) {
      sum -= first.cost
      head++
    }
    if (worst === undefined || sum - limit > worst.excess)
      worst = spanOf(sorted[head]?.at ?? at, at, sum, limit)
  }
  return worst
}

function inOrder(log: readonly Admission[]): Admission[] {
  return [...log].sort((a, b) => a.at - b.at)
}

function spanOf(from: number, to: number, admitted: number, bound: number): Tightest {
  return { from, to, admitted, bound, excess: admitted - bound }
}
