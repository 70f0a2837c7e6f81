import { keyDigest, newKey } from 'sluice/identity';
import { describe, expect, it } from 'vitest';
import { tiersApp } from '../src/app.js';
import { naiveTiersApp, sharedKeyApp, trustingApp } from './naive-app.js';
const ACME = newKey();
const GLOBEX = newKey();
const premium = (key) => ({ 'x-api-key': key, 'x-user-tier': 'premium' });
const ours = () => tiersApp([
    { sha256: keyDigest(ACME), client: 'acme', tier: 'premium' },
    { sha256: keyDigest(GLOBEX), client: 'globex', tier: 'premium' },
]);
const ask = (app, headers = {}) => app.inject({ method: 'POST', url: '/predict', payload: { features: [1, 2, 3] }, headers });
async function admitted(app, times, headers = {}) {
    let count = 0;
    for (let time = 0; time < times; time++) {
        const { statusCode } = await ask(app, headers);
        expect([200, 429]).toContain(statusCode);
        if (statusCode === 200)
            count++;
    }
    return count;
}
describe('the limit after premium requests', () => {
    it('is what it was', async () => {
        const app = await ours();
        const limits = [];
        for (let call = 0; call < 3; call++)
            limits.push((await ask(app, premium(ACME))).headers['ratelimit-policy']);
        expect(limits).toEqual(Array(3).fill('"requests";q=100;w=60'));
        expect(await admitted(app, 120)).toBe(20);
        await app.close();
    });
    it('grows with each of them, for everybody, where they multiply one that is shared', async () => {
        const app = naiveTiersApp();
        const limits = [];
        for (let call = 0; call < 3; call++)
            limits.push((await ask(app, premium(ACME))).headers['x-ratelimit-limit']);
        expect(limits).toEqual(['100', '500', '2500']);
        expect(await admitted(app, 120)).toBe(120);
        await app.close();
    });
});
describe('what a premium client has when another one has used all of its own', () => {
    const leftForGlobex = async (app) => {
        expect(await admitted(app, 101, premium(ACME))).toBe(100);
        const left = await admitted(app, 101, premium(GLOBEX));
        await app.close();
        return left;
    };
    it('is all of its own', async () => {
        expect(await leftForGlobex(await ours())).toBe(100);
    });
    it('is nothing where they share one key', async () => {
        expect(await leftForGlobex(sharedKeyApp())).toBe(0);
    });
});
describe('who claims a tier in a header', () => {
    const admittedByClaim = async (app) => {
        const count = await admitted(app, 101, {
            'x-user-tier': 'premium',
            'x-tier': 'premium',
            'x-client-tier': 'premium',
        });
        await app.close();
        return count;
    };
    it('has what a visitor has', async () => {
        expect(await admittedByClaim(await ours())).toBe(20);
    });
    it('has it where the header is believed', async () => {
        expect(await admittedByClaim(trustingApp())).toBe(100);
    });
    it.each([
        ['a key that nobody has', newKey()],
        ['a key in the wrong case', ACME.toUpperCase()],
        ['an empty key', ' '],
    ])('is refused with %s', async (_case, key) => {
        const app = await ours();
        expect((await ask(app, premium(key))).statusCode).toBe(401);
        await app.close();
    });
});
