import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { memcachedStore } from '../../../src/stores/memcached/index.js';
import { startMemcached } from '../servers/memcached.js';
const PROCESSES = 8;
const CALLS = 2000;
const LIMIT = 1000;
const HOUR = 3_600_000;
const LIMITS = [
    { algorithm: 'token-bucket', limit: 1, period: HOUR, burst: LIMIT },
    { algorithm: 'fixed-window', limit: LIMIT, period: HOUR },
    { algorithm: 'fixed-window', limit: LIMIT, period: 365 * 24 * HOUR, align: 'calendar' },
    { algorithm: 'sliding-window', limit: LIMIT, period: HOUR },
    { algorithm: 'sliding-log', limit: LIMIT, period: HOUR },
    { algorithm: 'concurrency', limit: LIMIT, lease: HOUR },
];
const PROGRAM = fileURLToPath(new URL('crowd-process.js', import.meta.url));
let server;
beforeAll(async () => {
    server = await startMemcached();
});
afterAll(() => server?.stop());
it(`${PROCESSES} processes with ${CALLS} calls at once on one key are let in exactly ${LIMIT} times`, async () => {
    const charges = LIMITS.map((limit, index) => ({ scope: 'crowd', key: `key ${index}`, limit, cost: 1 }));
    const processes = Array.from({ length: PROCESSES }, () => fork(PROGRAM, [JSON.stringify({ url: server.url, calls: CALLS, charges })]));
    try {
        await Promise.all(processes.map(messageOf));
        const answers = processes.map(messageOf);
        for (const child of processes)
            child.send('go');
        const admitted = (await Promise.all(answers)).map((answer) => answer.admitted ?? []);
        const sums = LIMITS.map((_, index) => admitted.reduce((sum, counts) => sum + (counts[index] ?? 0), 0));
        expect(sums).toEqual(LIMITS.map(() => LIMIT));
    }
    finally {
        for (const child of processes)
            child.kill('SIGKILL');
    }
});
it.each(LIMITS)('10,000 calls at once in one process: $algorithm $align', async (limit) => {
    const store = memcachedStore({ url: server.url, prefix: 'one:' });
    try {
        const answers = await Promise.all(Array.from({ length: 10_000 }, (_, call) => store.take([
            { scope: limit.algorithm, key: JSON.stringify(limit), limit, cost: 1, lease: `${call}` },
        ])));
        expect(answers.filter(([verdict]) => verdict?.allowed)).toHaveLength(LIMIT);
    }
    finally {
        await store.close();
    }
});
it('ten stores with requests on three keys each take from all or from none', async () => {
    const limit = { algorithm: 'token-bucket', limit: 1, period: HOUR, burst: 60 };
    const stores = Array.from({ length: 10 }, () => memcachedStore({ url: server.url, prefix: 'three:' }));
    const keys = ['a', 'b', 'c'];
    try {
        const calls = Array.from({ length: 300 }, (_, call) => {
            // Each begins with another key, and every third call asks for more than the last key of it has.
            const order = keys.map((_, index) => keys[(index + call) % 3]);
            return stores[call % 10]?.take(order.map((key) => ({ scope: 's', key, limit, cost: call % 3 === 0 && key === 'c' ? 61 : 1 })));
        });
        const admitted = (await Promise.all(calls)).filter((verdicts) => verdicts?.every(({ allowed }) => allowed));
        expect(admitted).toHaveLength(60);
        const left = await stores[0]?.peek(keys.map((key) => ({ scope: 's', key, limit, cost: 0 })));
        expect(left?.map(({ remaining }) => remaining)).toEqual([0, 0, 0]);
    }
    finally {
        await Promise.all(stores.map((store) => store.close()));
    }
});
/** What a process says next; an error where it ends before. */
function messageOf(child) {
    return new Promise((resolve, reject) => {
        const onExit = (code) => reject(new Error(`a process of the crowd ended with ${code}`));
        child.once('exit', onExit);
        child.once('message', (message) => {
            child.off('exit', onExit);
            resolve(message);
        });
    });
}
