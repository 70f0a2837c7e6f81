import fastify, {} from 'fastify';
import { describe, expect, it } from 'vitest';
import { inMemoryApp } from '../src/app.js';
/** As clients are often told apart: by the first address of a header that they write themselves. */
function believingApp() {
    const counts = new Map();
    const app = fastify();
    app.post('/predict', async ({ headers, ip }, reply) => {
        const client = headers['x-forwarded-for']?.toString().split(',')[0] ?? ip;
        const count = (counts.get(client) ?? 0) + 1;
        counts.set(client, count);
        return count > 10 ? reply.code(429).send() : { prediction: 'calm' };
    });
    return app;
}
/** How many of forty requests are let in that each claim to come from elsewhere. */
async function admittedFromMadeUpAddresses(app) {
    let count = 0;
    for (let time = 0; time < 40; time++) {
        const headers = { 'x-forwarded-for': `203.0.113.${time}`, forwarded: `for=203.0.113.${time}` };
        const payload = { features: [1, 2, 3] };
        const { statusCode } = await app.inject({ method: 'POST', url: '/predict', payload, headers });
        if (statusCode === 200)
            count++;
    }
    await app.close();
    return count;
}
describe('made-up addresses', () => {
    it('give nobody a fresh limit', async () => {
        expect(await admittedFromMadeUpAddresses(await inMemoryApp())).toBe(10);
    });
    it('do where the first forwarded address is believed', async () => {
        expect(await admittedFromMadeUpAddresses(believingApp())).toBe(40);
    });
});
