import { manualClock } from '../../../src/clock.js';
import { withFailurePolicy } from '../../../src/stores/failure/failure-policy.js';
import { memoryStore } from '../../../src/stores/memory/memory-store.js';
/** A store in this process that can be lost, so that a run needs no timers. */
function fragile(inside, isUp) {
    const reach = () => {
        if (!isUp())
            throw new Error('connection refused');
        return inside;
    };
    return {
        take: (charges) => reach().take(charges),
        peek: (charges) => reach().peek(charges),
        settle: (settlements) => reach().settle(settlements),
        reset: (scope, key) => reach().reset(scope, key),
        close: () => { },
    };
}
/** Plays requests at `peers` wrappers around one store and notes what was admitted. */
export function admissions({ limit, peers, steps, connected }) {
    const clock = manualClock(1_000_000);
    const shared = memoryStore({ clock });
    const up = Array.from({ length: peers }, () => connected);
    const stores = up.map((_, peer) => withFailurePolicy(fragile(shared, () => up[peer] === true), { peers, clock, failures: 2, random: () => 0 }));
    const admitted = [];
    steps.forEach(({ wait, peer: any, cost, flip }, index) => {
        clock.advance(wait);
        const peer = any % peers;
        if (flip && connected)
            up[peer] = !up[peer];
        const lease = limit.algorithm === 'concurrency' ? `request ${index}` : undefined;
        const charge = { scope: 'requests', key: 'ann', limit, cost, lease };
        const [verdict] = stores[peer].take([charge]);
        if (verdict?.allowed)
            admitted.push({ at: clock.now(), cost, local: verdict.degraded === 'local' });
    });
    return admitted;
}
/** The most by which what was admitted in any interval is over its bound. `most` is given the admissions of the interval. */
export function excess(admitted, most) {
    let worst = Number.NEGATIVE_INFINITY;
    for (let first = 0; first < admitted.length; first++) {
        let sum = 0;
        for (let last = first; last < admitted.length; last++) {
            sum += admitted[last]?.cost ?? 0;
            const within = admitted.slice(first, last + 1);
            const length = (admitted[last]?.at ?? 0) - (admitted[first]?.at ?? 0);
            worst = Math.max(worst, sum - most(length, within) * (1 + 1e-9));
        }
    }
    return worst;
}
