import { tightestInterval, tightestPeriod } from './checker.js';
const BUCKET = { algorithm: 'token-bucket', limit: 400, period: 1000, burst: 200 };
const LOG = { algorithm: 'sliding-log', limit: 300, period: 700 };
const CHARGES = [BUCKET, LOG].map((limit) => ({
    scope: limit.algorithm,
    key: 'one key',
    limit,
    cost: 1,
}));
/** Puts a steady load on a token bucket and a sliding log at once; `duration` in milliseconds. */
export async function recordLoad(crew, duration) {
    const offsets = [wallTimeOffset()];
    const answers = await crew.ask({ charges: CHARGES, duration, maxCost: 3 });
    offsets.push(wallTimeOffset());
    const [bucket, log] = CHARGES.map((_, index) => {
        const logs = answers.map((answer) => answer.logs[index]);
        return {
            calls: logs.reduce((sum, each) => sum + (each?.calls ?? 0), 0),
            log: logs.flatMap((each) => (each?.log ?? []).map(([at, cost, before, after]) => ({
                at,
                cost,
                before: before + Math.min(...offsets),
                after: after + Math.max(...offsets),
            }))),
        };
    });
    return [bucket, log];
}
/** Where what a token bucket let in comes nearest to its bound, or is beyond it. */
export function checkBucket(log) {
    return tightestInterval(log, BUCKET.burst, BUCKET.limit / BUCKET.period);
}
/** The same of a sliding log. */
export function checkLog(log) {
    return tightestPeriod(log, LOG.limit, LOG.period);
}
/** What a bucket drains in this many milliseconds. */
export function bucketDrains(time) {
    return (time * BUCKET.limit) / BUCKET.period;
}
export function unitsOf(log) {
    return log.reduce((sum, { cost }) => sum + cost, 0);
}
/** What the wall time is ahead of the clock that nobody can set: read as the wall time turns to its next millisecond. */
function wallTimeOffset() {
    const before = Date.now();
    for (;;) {
        const wallTime = Date.now();
        if (wallTime !== before)
            return wallTime - Number(process.hrtime.bigint()) / 1e6;
    }
}
