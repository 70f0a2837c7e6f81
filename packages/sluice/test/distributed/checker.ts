/** An admitted request. */
export interface Admission {
  /** Time of the admission, in milliseconds. */
  readonly at: number
  readonly cost: number
}

export interface Refund {
  readonly cost: number
  /** Bounds of the time of the refund, in milliseconds. They are equal if the time is known. */
  readonly from: number
  readonly to: number
}

/** The closed interval of a log with the largest excess over its bound. */
export interface TightestInterval {
  readonly from: number
  readonly to: number
  /** Units admitted in the interval, minus those that may have been refunded within it. */
  readonly admitted: number
  /** The bound of this interval. */
  readonly bound: number
  /** `admitted - bound`, at most 0 if the bound holds. */
  readonly excess: number
}

/**
 * Finds the interval with the largest excess over the bound of a token bucket, `burst + rate·(to −
 * from)` in every interval, in O(n log n). Returns undefined for an empty log.
 *
 * Let P(i) be the units admitted before i. An interval from i to j exceeds the bound iff (P(j+1) −
 * rate·at(j)) − (P(i) − rate·at(i)) > burst. So for each j, the best i ≤ j has the smallest P(i) −
 * rate·at(i), which one pass can track. Intervals that begin or end between admissions have a
 * looser bound.
 *
 * A refund counts in every interval in which it may have been made: those that end at or after its
 * `from` and start at or before its `to`. So it is subtracted from the units admitted up to the end
 * if its `from` is not after the end, and from the units admitted before the start if its `to` is
 * before the start.
 *
 * @param rate units per millisecond
 */
export function tightestInterval(
  log: readonly Admission[],
  burst: number,
  rate: number,
  refunds: readonly Refund[] = [],
): TightestInterval | undefined {
  const sorted = byTime(log)
  const refundedUntil = runningSum(refunds.map(({ from, cost }) => ({ at: from, cost })))
  const refundedBefore = runningSum(refunds.map(({ to, cost }) => ({ at: to, cost })))
  const origin = sorted[0]?.at ?? 0
  let worst: TightestInterval | undefined
  let start = { level: Number.POSITIVE_INFINITY, at: origin, before: 0 }
  let sum = 0
  for (const { at, cost } of sorted) {
    const drained = rate * (at - origin)
    const before = sum - refundedBefore((time) => time < at)
    // The last of several equal minima gives the shortest interval.
    if (before - drained <= start.level) start = { level: before - drained, at, before }
    sum += cost
    const until = sum - refundedUntil((time) => time <= at)
    const excess = until - drained - start.level - burst
    if (worst === undefined || excess > worst.excess)
      worst = spanOf(start.at, at, until - start.before, burst + rate * (at - start.at))
  }
  return worst
}

/** Returns a function that sums the costs up to a time. The times of its calls must ascend. */
function runningSum(costs: readonly Admission[]): (counts: (time: number) => boolean) => number {
  const left = byTime(costs)
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
 * Finds the trailing period (to − period, to] with the largest excess over the bound of a sliding
 * log, `limit` units, in O(n log n). Returns undefined for an empty log.
 */
export function tightestPeriod(
  log: readonly Admission[],
  limit: number,
  period: number,
): TightestInterval | undefined {
  const sorted = byTime(log)
  let worst: TightestInterval | undefined
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

function byTime(log: readonly Admission[]): Admission[] {
  return [...log].sort((a, b) => a.at - b.at)
}

function spanOf(from: number, to: number, admitted: number, bound: number): TightestInterval {
  return { from, to, admitted, bound, excess: admitted - bound }
}
