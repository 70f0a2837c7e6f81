import { setTimeout as pause } from 'node:timers/promises';
import { Crew } from '../crew.js';
/** Milliseconds. */
export const DEADLINE = 100;
/** What a decision may take beyond the deadline. */
const GRACE = 50;
/** Within this the store decides again once it is back. */
const BACK = 2000;
const BEFORE_FAULT = 1000;
export const BUCKET = { algorithm: 'token-bucket', limit: 20, period: 1000, burst: 10 };
export const LOG = { algorithm: 'sliding-log', limit: 10, period: 500 };
export const SLOTS = 2;
const LIMITS = [
    { limit: BUCKET },
    { limit: LOG },
    { concurrent: SLOTS, lease: 5000 },
];
/** How long a slot is held. */
const HOLD = 80;
/** Processes that share limits, and what they do without their store. 500 requests a second by all of them together. */
const GROUPS = [
    { policy: 'local', peers: 2, rate: 150 },
    { policy: 'closed', peers: 1, rate: 100 },
    { policy: 'open', peers: 1, rate: 100 },
];
/** 500 requests a second by four processes under three policies, from a second before the fault until a while after it. */
export async function underLoad(url, fault, client) {
    const processes = GROUPS.flatMap((group) => Array(group.peers).fill(group));
    const options = processes.map(({ policy, peers, rate }) => ({
        url,
        client,
        prefix: 'faults:',
        name: policy,
        policy: policy === 'local' ? { policy, peers } : { policy },
        ...{ rate, limits: LIMITS, hold: HOLD, deadline: DEADLINE, grace: GRACE, back: BACK },
    }));
    const crew = await Crew.start(new URL('../workers/under-load.js', import.meta.url), options);
    try {
        const answers = crew.ask({});
        await Promise.race([answers, pause(BEFORE_FAULT)]);
        crew.tell('fault');
        await Promise.race([answers, fault()]);
        crew.tell('returned');
        const reports = await answers;
        return GROUPS.map(({ policy, peers }) => ({
            policy,
            peers,
            reports: reports.filter((_, index) => processes[index]?.policy === policy),
        }));
    }
    finally {
        await crew.stop();
    }
}
