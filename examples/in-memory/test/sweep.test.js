import { manualClock, memoryStore } from 'sluice';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Executions } from './executions.js';
/** What a request costs must not depend on how many others have asked. */
const MINUTE = 60_000;
let executions;
let inMemoryApp;
let sweepingApp;
beforeAll(async () => {
    executions = await Executions.start();
    ({ inMemoryApp } = await import('../src/app.js'));
    ({ sweepingApp } = await import('./sweeping-app.js'));
});
afterAll(() => executions?.[Symbol.asyncDispose]());
const OUR_FILES = /\/(packages\/sluice|examples\/in-memory)\//;
/** How much code runs for a request of a newcomer, after so many others. */
async function executionsAfter(clients, app, beforeIt = () => { }) {
    const ask = async (client) => {
        const remoteAddress = `10.1.${client >> 8}.${client & 255}`;
        const payload = { features: [1, 2, 3] };
        const { statusCode } = await app.inject({ method: 'POST', url: '/predict', payload, remoteAddress });
        expect(statusCode).toBe(200);
    };
    for (let client = 0; client < clients; client++)
        await ask(client);
    beforeIt();
    const count = await executions.during(() => ask(clients), (url) => OUR_FILES.test(url));
    await app.close();
    return count;
}
const ours = (clock) => inMemoryApp(memoryStore({ clock }));
describe('a request after many clients', () => {
    it('runs as much code as after few', async () => {
        const few = await executionsAfter(20, await ours(manualClock(0)));
        const many = await executionsAfter(2000, await ours(manualClock(0)));
        expect(few).toBeGreaterThan(0);
        expect(many).toBeLessThan(few * 1.5);
    });
    it('forgets a bounded number of those that are over', async () => {
        const afterTheirMinute = async (clients) => {
            const clock = manualClock(0);
            return executionsAfter(clients, await ours(clock), () => clock.advance(2 * MINUTE));
        };
        expect(await afterTheirMinute(2000)).toBeLessThan((await afterTheirMinute(200)) * 1.5);
    });
    it('runs a hundred times as much where each request sweeps over all clients', async () => {
        const few = await executionsAfter(20, sweepingApp(() => 0));
        const many = await executionsAfter(2000, sweepingApp(() => 0));
        expect(many).toBeGreaterThan(few * 50);
    });
});
