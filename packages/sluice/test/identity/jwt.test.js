import { createServer } from 'node:http';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { identity } from '../../src/identity/identify.js';
import { IdentityUnavailableError } from '../../src/identity/identity-unavailable.js';
import { jwtVerifier } from '../../src/identity/jwt.js';
import { UnauthorizedError } from '../../src/policy/client.js';
const AUDIENCE = 'https://models.example';
const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
const stranger = await generateKeyPair('ES256');
let fetched = 0;
const server = createServer(async (_request, response) => {
    fetched++;
    response.end(JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }] }));
});
let jwks = '';
beforeAll(async () => {
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    jwks = `http://127.0.0.1:${server.address().port}/jwks.json`;
});
afterAll(() => {
    server.closeAllConnections();
    server.close();
});
function token(claims, key = privateKey) {
    const payload = {
        sub: 'acme',
        plan: 'premium',
        aud: AUDIENCE,
        exp: Math.floor(Date.now() / 1000) + 60,
        ...claims,
    };
    return new SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid: 'one' }).sign(key);
}
const verify = () => jwtVerifier({ jwks, audience: AUDIENCE, tier: 'plan' });
describe('JWTs', () => {
    it('that hold say who the client is; the keys are fetched once', async () => {
        const check = verify();
        const before = fetched;
        for (let call = 0; call < 5; call++)
            expect(await check(await token({}))).toEqual({ id: 'acme', tier: 'premium' });
        expect(fetched).toBe(before + 1);
    });
    it('go with API keys: a text of the form of a token is one', async () => {
        const identify = identity({ jwt: verify() });
        const bearer = `Bearer ${await token({})}`;
        const read = (name) => (name === 'authorization' ? bearer : undefined);
        expect(await identify(read)).toEqual({ id: 'acme', tier: 'premium' });
        expect(() => identify((name) => (name === 'authorization' ? 'Bearer sk_unknown' : undefined))).toThrow(UnauthorizedError);
    });
    const hourAgo = Math.floor(Date.now() / 1000) - 3_600;
    it.each([
        ['expired', () => token({ exp: hourAgo })],
        ['without an expiry', () => token({ exp: undefined })],
        ['not valid yet', () => token({ nbf: hourAgo + 7_200 })],
        ['for another audience', () => token({ aud: 'https://other.example' })],
        ['without an audience', () => token({ aud: undefined })],
        ['signed by somebody else', () => token({}, stranger.privateKey)],
        ['without a subject', () => token({ sub: undefined })],
        ['whose tier is no text', () => token({ plan: ['premium'] })],
        [
            'unsigned',
            async () => new UnsecuredJWT({ sub: 'acme', aud: AUDIENCE }).setExpirationTime('1m').encode(),
        ],
        ['cut off', async () => (await token({})).slice(0, -10)],
        [
            'with another payload',
            async () => (await token({})).replace(/\.[\w-]+\./, `.${btoa('{"sub":"a"}').replaceAll('=', '')}.`),
        ],
        [
            'signed with the public key as a shared secret',
            async () => new SignJWT({ sub: 'acme', aud: AUDIENCE })
                .setProtectedHeader({ alg: 'HS256', kid: 'one' })
                .setExpirationTime('1m')
                .sign(new TextEncoder().encode(await exportSPKI(publicKey))),
        ],
    ])('%s is 401', async (_what, make) => {
        const made = await make();
        const refusal = await verify()(made).catch((error) => error);
        expect(refusal).toBeInstanceOf(UnauthorizedError);
        expect(String(refusal.message)).not.toContain(made);
    });
    it('keys that cannot be had are 503 and nobody’s fault', async () => {
        const check = jwtVerifier({ jwks: 'http://127.0.0.1:1/jwks.json', audience: AUDIENCE });
        await expect(check(await token({}))).rejects.toBeInstanceOf(IdentityUnavailableError);
    });
    it('options that would take too much are TypeErrors', () => {
        expect(() => jwtVerifier({ jwks, audience: '' })).toThrow("'audience'");
        expect(() => jwtVerifier({ jwks, audience: AUDIENCE, algorithms: ['none'] })).toThrow('not none');
        expect(() => jwtVerifier({ jwks, audience: AUDIENCE, algorithms: ['HS256'] })).toThrow('not HS256');
        expect(() => jwtVerifier({ jwks, audience: AUDIENCE, algorithms: [] })).toThrow('none at all');
    });
});
