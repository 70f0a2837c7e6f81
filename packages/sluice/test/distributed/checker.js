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
export function tightestInterval(log, burst, rate, givenBack = []) {
    const sorted = inOrder(log);
    const backUntil = runningSum(givenBack.map(({ from, cost }) => ({ at: from, cost })));
    const backBefore = runningSum(givenBack.map(({ to, cost }) => ({ at: to, cost })));
    const origin = sorted[0]?.at ?? 0;
    let worst;
    let start = { level: Number.POSITIVE_INFINITY, at: origin, before: 0 };
    let sum = 0;
    for (const { at, cost } of sorted) {
        const drained = rate * (at - origin);
        const before = sum - backBefore((time) => time < at);
        // Of those that come to the same, the last has the fewest admissions to add up.
        if (before - drained <= start.level)
            start = { level: before - drained, at, before };
        sum += cost;
        const until = sum - backUntil((time) => time <= at);
        const excess = until - drained - start.level - burst;
        if (worst === undefined || excess > worst.excess)
            worst = spanOf(start.at, at, until - start.before, burst + rate * (at - start.at));
    }
    return worst;
}
/** What costs come to up to some time, for times that rise. */
function runningSum(costs) {
    const left = inOrder(costs);
    let sum = 0;
    return (counts) => {
        for (let [next] = left; next !== undefined && counts(next.at); [next] = left) {
            sum += next.cost;
            left.shift();
        }
        return sum;
    };
}
/**
 * Where a log comes nearest to the bound of a sliding log, `limit` in every trailing period (to − period, to]; O(n log n).
 *
 * Undefined for an empty log.
 */
export function tightestPeriod(log, limit, period) {
    const sorted = inOrder(log);
    let worst;
    let head = 0;
    let sum = 0;
    for (const { at, cost } of sorted) {
        sum += cost;
        for (let first = sorted[head]; first !== undefined && at - first.at >= period; first = sorted[head]) {
            sum -= first.cost;
            head++;
        }
        if (worst === undefined || sum - limit > worst.excess)
            worst = spanOf(sorted[head]?.at ?? at, at, sum, limit);
    }
    return worst;
}
function inOrder(log) {
    return [...log].sort((a, b) => a.at - b.at);
}
function spanOf(from, to, admitted, bound) {
    return { from, to, admitted, bound, excess: admitted - bound };
}
