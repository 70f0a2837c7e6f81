import { expect } from 'vitest';
import { shareOf } from '../../../src/stores/failure/share.js';
import { tightestInterval, tightestPeriod } from '../checker.js';
import { BUCKET, LOG, SLOTS } from './load.js';
/** For what doubles of epoch milliseconds leave over, in units. */
const ROUNDING = 1e-6;
/** What the processes of one policy let in, against what is promised. */
export function expectWithinBounds({ policy, peers, reports }, allowance) {
    const all = reports.flatMap(({ log }) => log);
    const by = (source) => all.filter((admission) => admission.source === source);
    expect(new Set(all.map(({ source }) => source))).toEqual(new Set(['store', ...sourcesOf(policy, by)]));
    const givenBack = reports.flatMap((report) => report.givenBack);
    expectStoreBound(by('store'), givenBack, allowance);
    if (policy === 'local')
        expectLocalBound(by('local'), peers);
}
/** By whom else than the store something may be let in, where it was. */
function sourcesOf(policy, by) {
    return policy === 'closed' || by(policy).length === 0 ? [] : [policy];
}
/**
 * `B + r·t` in any interval, the limit in any trailing period, the slots at any time; once more for each loss of the state.
 *
 * The bound of a bucket is one of all that it let in, less what it is given back within the same interval. What stays of that in the end is not
 * bound as tightly: of two charges that are given back in turn the second may give back more than is left of it, so that others are let in for it (see
 * `tokenBucket`). A log and slots give back what was taken, and nothing else.
 */
function expectStoreBound(log, givenBack, { losses = 0, clocks = 0 }) {
    const times = 1 + losses;
    const rate = BUCKET.limit / BUCKET.period;
    const [bucket, entries, slots] = byKind(log);
    expectNoExcess(tightestInterval([...bucket, ...givenBack], BUCKET.burst * times + rate * clocks, rate, givenBack));
    expectNoExcess(tightestPeriod(entries, LOG.limit * times, LOG.period - clocks));
    expect(mostAtOnce(slots)).toBeLessThanOrEqual(SLOTS * times);
}
/** What `shareOf` states of so many processes that decide by themselves. */
function expectLocalBound(log, peers) {
    const [bucket, entries, slots] = byKind(log);
    const share = shareOf(BUCKET, peers);
    const burst = share.algorithm === 'token-bucket' ? share.burst * peers : Number.NaN;
    expectNoExcess(tightestInterval(bucket, burst, BUCKET.limit / BUCKET.period));
    expectNoExcess(tightestPeriod(entries, shareOf(LOG, peers).limit * peers, LOG.period));
    expect(mostAtOnce(slots)).toBeLessThanOrEqual(SLOTS);
}
function expectNoExcess(tightest) {
    expect(tightest?.excess ?? 0).toBeLessThan(ROUNDING);
}
function byKind(log) {
    const kinds = [[], [], []];
    for (const admission of log)
        kinds[admission.kind].push({ ...admission, cost: 1 });
    return kinds;
}
function mostAtOnce(log) {
    const turns = log.flatMap(({ heldFrom, heldUntil }) => [
        { at: heldFrom, change: 1 },
        { at: heldUntil, change: -1 },
    ]);
    let held = 0;
    let most = 0;
    for (const { change } of turns.sort((a, b) => a.at - b.at)) {
        held += change;
        most = Math.max(most, held);
    }
    return most;
}
