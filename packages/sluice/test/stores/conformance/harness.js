/** The period of most of the suite's limits, in milliseconds; four units in it. */
export const P = 4000;
export const bucket = (limit = 4, period = P, burst = limit) => ({
    algorithm: 'token-bucket',
    limit,
    period,
    burst,
});
export const fixed = (limit = 4, period = P) => ({
    algorithm: 'fixed-window',
    limit,
    period,
});
export const sliding = (limit = 4, period = P) => ({
    algorithm: 'sliding-window',
    limit,
    period,
});
export const log = (limit = 4, period = P) => ({ algorithm: 'sliding-log', limit, period });
export const inFlight = (limit = 4, lease = P) => ({
    algorithm: 'concurrency',
    limit,
    lease,
});
/** Every algorithm that has a period, made with a limit and a period. */
export const RATES = [
    ['token-bucket', bucket],
    ['fixed-window', fixed],
    ['sliding-window', sliding],
    ['sliding-log', log],
];
/** Every algorithm, made with a limit and a period or lease. */
export const ALL = [...RATES, ['concurrency', inFlight]];
let leases = 0;
/** A charge; a lease of its own where the limit wants one. */
export function charge(limit, cost = 1, key = 'key', more = {}) {
    const lease = limit.algorithm === 'concurrency' ? `lease-${leases++}` : undefined;
    return { scope: 'scope', key, limit, cost, ...(lease !== undefined && { lease }), ...more };
}
/** Takes one charge. */
export async function take(store, limit, cost = 1, key = 'key') {
    return takeCharge(store, charge(limit, cost, key));
}
export async function takeCharge(store, one) {
    return (await store.take([one]))[0];
}
/** What a charge would meet now; takes nothing. */
export async function look(store, limit, key = 'key') {
    return (await store.peek([charge(limit, 0, key)]))[0];
}
/** How many units are admitted one by one, until the first that is refused; at most `most`. */
export async function fill(store, limit, key = 'key', most = 50) {
    let admitted = 0;
    while (admitted < most && (await take(store, limit, 1, key)).allowed)
        admitted++;
    return admitted;
}
/** The settlement that lets a charge that was taken count `cost`. */
export function settlement(one, verdict, cost) {
    const { at, resetAfter, overflow } = verdict;
    return {
        charge: one,
        taken: { cost: one.cost, at, resetAfter, lease: one.lease, ...(overflow && { overflow }) },
        cost,
    };
}
