import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { describe, expect, it } from 'vitest';
import { running, send, until } from './running.js';
const TWO = 'routes: [{ match: POST /predict, limits: [{ limit: 2/minute, algorithm: fixed-window }] }]';
describe('another configuration', () => {
    it('takes effect at once and refills nobody', async () => {
        const { gateway, url, configOf } = await running(TWO);
        await send(url, '/predict');
        await send(url, '/predict');
        expect((await send(url, '/predict')).status).toBe(429);
        await gateway.apply(configOf(TWO));
        expect((await send(url, '/predict')).status).toBe(429);
        // All of 2 is used, so all of 4 is.
        await gateway.apply(configOf(TWO.replace('2/minute', '4/minute')));
        expect((await send(url, '/predict')).status).toBe(429);
        await gateway.apply(configOf('default: deny'));
        expect((await send(url, '/predict')).status).toBe(404);
        await gateway.apply(configOf('default: { limits: [] }'));
        expect((await send(url, '/predict')).status).toBe(200);
    });
    it('drops no request, and those under way end as they began', async () => {
        const held = [];
        const { gateway, url, configOf } = await running('routes: [{ match: POST /predict, limits: [{ concurrent: 2 }] }]', (_request, response) => held.push(response));
        const first = send(url, '/predict');
        await until(() => held.length === 1);
        await gateway.apply(configOf('routes: [{ match: POST /predict, limits: [{ concurrent: 1 }] }]\ntimeouts: { idle: 1m }'));
        expect((await send(url, '/predict')).status).toBe(429);
        held[0]?.end('done');
        expect(await first).toMatchObject({ status: 200, text: 'done' });
        const second = send(url, '/predict');
        await until(() => held.length === 2);
        held[1]?.end('done');
        expect((await second).status).toBe(200);
    });
    it('is refused whole where a part of it needs a restart', async () => {
        const { gateway, url, configOf } = await running(TWO);
        const next = configOf('default: deny');
        await expect(gateway.apply({ ...next, listen: { host: '127.0.0.1', port: 1 } })).rejects.toThrow("a change of 'listen' needs a restart");
        expect((await send(url, '/predict')).status).toBe(200);
    });
});
describe('health', () => {
    it('is told on the admin port alone', async () => {
        const { url, adminUrl } = await running('default: deny');
        expect((await fetch(`${adminUrl}/healthz`)).status).toBe(200);
        expect(await (await fetch(`${adminUrl}/readyz?verbose`)).json()).toEqual({ status: 'ready' });
        expect((await fetch(`${adminUrl}/__proto__`)).status).toBe(404);
        expect((await fetch(`${adminUrl}/healthz`, { method: 'POST' })).status).toBe(405);
        expect((await fetch(`${url}/healthz`)).status).toBe(404);
    });
});
describe('a stop', () => {
    it('finishes what is in flight and says meanwhile that it is not ready', async () => {
        const held = [];
        const { gateway, url, adminUrl } = await running('', (_request, response) => {
            response.write('half ');
            held.push(response);
        });
        const { hostname, port } = new URL(url);
        const request = httpRequest({ hostname, port, path: '/' }).end();
        const [response] = (await once(request, 'response'));
        const closed = gateway.close();
        expect((await fetch(`${adminUrl}/readyz`)).status).toBe(503);
        await expect(fetch(url)).rejects.toThrow();
        held[0]?.end('and half');
        let text = '';
        for await (const chunk of response)
            text += chunk;
        expect(text).toBe('half and half');
        await closed;
    });
    it('cuts what does not end in time', async () => {
        const { gateway, url } = await running('timeouts: { shutdown: 10ms }', (_request, response) => {
            response.write('for ever');
        });
        const { hostname, port } = new URL(url);
        const request = httpRequest({ hostname, port, path: '/' }).end();
        const [response] = (await once(request, 'response'));
        const cut = once(response, 'error');
        await gateway.close();
        expect((await cut)[0]).toMatchObject({ code: 'ECONNRESET' });
    });
});
describe('a client that asks before it sends', () => {
    it('is refused without having sent its body, and otherwise told to go on', async () => {
        const { url } = await running('routes: [{ match: POST /predict, limits: [1/minute] }]');
        const { hostname, port } = new URL(url);
        const ask = async () => {
            const request = httpRequest({
                ...{ hostname, port, method: 'POST', path: '/predict', agent: false },
                headers: { expect: '100-continue', 'content-length': 5 },
            });
            let proceeded = false;
            request.on('continue', () => {
                proceeded = true;
                request.end('hello');
            });
            request.flushHeaders();
            const [response] = (await once(request, 'response'));
            response.resume();
            request.destroy();
            return { status: response.statusCode, proceeded };
        };
        expect(await ask()).toEqual({ status: 200, proceeded: true });
        expect(await ask()).toEqual({ status: 429, proceeded: false });
    });
});
