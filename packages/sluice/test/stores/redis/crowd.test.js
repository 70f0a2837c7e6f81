import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTopology } from './topologies.js';
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
describe.each(['standalone', 'cluster'])('%s', (topology) => {
    let running;
    beforeAll(async () => {
        running = await startTopology(topology);
    });
    afterAll(async () => {
        await running?.stop();
    });
    it(`${PROCESSES} processes with ${CALLS} calls at once on one key are let in exactly ${LIMIT} times`, async () => {
        const charges = LIMITS.map((limit, index) => ({ scope: 'crowd', key: `key ${index}`, limit, cost: 1 }));
        const ports = running.nodes.map(({ port }) => port);
        const processes = Array.from({ length: PROCESSES }, (_, index) => {
            const client = index % 2 === 0 ? 'ioredis' : 'node-redis';
            return fork(PROGRAM, [JSON.stringify({ topology, client, ports, calls: CALLS, charges })]);
        });
        try {
            await Promise.all(processes.map((child) => messageOf(child)));
            const answers = processes.map((child) => messageOf(child));
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
