import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { running, send, until } from '../gateway/running.js';
import { answerTo, begin } from './http-client.js';
import { message, rawClient } from './raw-client.js';
import { httpUpstream, textOf } from './upstream-under-test.js';
/** A gateway with so many slots before an upstream that answers nothing but probes. */
async function withSlots(slots) {
    const upstream = await httpUpstream((request, response) => {
        if (request.headers['x-probe'] !== undefined)
            response.end();
    });
    const { gateway, url, failures } = await running(`routes: [{ match: POST /, limits: [{ concurrent: ${slots} }] }]`, upstream.url);
    const probe = async () => (await send(url, '/', { headers: { 'x-probe': '1' } })).status;
    return {
        upstream,
        port: gateway.address.port,
        failures,
        probe,
        slotIsFree: async () => (await probe()) === 200,
    };
}
describe('a client that goes away', () => {
    it('before the answer: ends the request upstream and frees its slot', async () => {
        const { upstream, port, failures, probe, slotIsFree } = await withSlots(1);
        const client = begin(port, { method: 'POST' }).end();
        const { response } = await upstream.asked.next();
        expect(await probe()).toBe(429);
        const ended = once(response, 'close');
        client.destroy();
        await ended;
        expect(response.writableFinished).toBe(false);
        await until(slotIsFree);
        expect(failures).toEqual([]);
    });
    it('in the middle of the answer: ends the request upstream and frees its slot', async () => {
        const { upstream, port, failures, probe, slotIsFree } = await withSlots(1);
        const client = begin(port, { method: 'POST' }).end();
        const { response } = await upstream.asked.next();
        response.write('half');
        await once(await answerTo(client), 'data');
        expect(await probe()).toBe(429);
        const ended = once(response, 'close');
        client.destroy();
        await ended;
        await until(slotIsFree);
        expect(failures).toEqual([]);
    });
    it('in the middle of its upload: the upstream does not take it for a whole one', async () => {
        const { upstream, port, failures, probe, slotIsFree } = await withSlots(1);
        for (const headers of [{ 'content-length': 1000 }, { 'transfer-encoding': 'chunked' }]) {
            const client = begin(port, { method: 'POST', headers });
            client.write('half');
            const { request } = await upstream.asked.next();
            await once(request, 'data');
            expect(await probe()).toBe(429);
            const ended = once(request, 'error');
            client.destroy();
            expect((await ended)[0]).toMatchObject({ code: 'ECONNRESET' });
            expect(request.complete).toBe(false);
            await until(slotIsFree);
            while (upstream.asked.ready > 0)
                await upstream.asked.next();
        }
        expect(failures).toEqual([]);
    });
    it('while the upstream takes nothing of its upload', async () => {
        const { upstream, port, failures, slotIsFree } = await withSlots(1);
        const client = begin(port, { method: 'POST' });
        const piece = Buffer.alloc(2 ** 20);
        while (client.write(piece))
            await new Promise((resolve) => setImmediate(resolve));
        const { request } = await upstream.asked.next();
        client.destroy();
        const read = textOf(request);
        await expect(read).rejects.toMatchObject({ code: 'ECONNRESET' });
        await until(slotIsFree);
        expect(failures).toEqual([]);
    });
    it('while it takes nothing of its answer', async () => {
        const { upstream, port, failures, slotIsFree } = await withSlots(1);
        const client = begin(port, { method: 'POST' }).end();
        const { response } = await upstream.asked.next();
        const piece = Buffer.alloc(2 ** 20);
        const write = () => {
            while (!response.destroyed && response.write(piece))
                ;
        };
        response.on('drain', write);
        write();
        await answerTo(client);
        const ended = once(response, 'close');
        client.destroy();
        await ended;
        await until(slotIsFree);
        expect(failures).toEqual([]);
    });
    it('before its turn, having sent the next request behind the first', async () => {
        const { upstream, port, failures, probe, slotIsFree } = await withSlots(2);
        const client = await rawClient(port);
        const request = message('POST / HTTP/1.1', ['Content-Length: 0']);
        client.send(request + request);
        const first = await upstream.asked.next();
        const second = await upstream.asked.next();
        expect(await probe()).toBe(429);
        const ended = Promise.all([once(first.response, 'close'), once(second.response, 'close')]);
        client.socket.destroy();
        await ended;
        await until(slotIsFree);
        // The other slot is free too where one is held again.
        begin(port, { method: 'POST' }).end();
        await until(async () => {
            const { request } = await upstream.asked.next();
            return request.headers['x-probe'] === undefined;
        });
        await until(slotIsFree);
        expect(failures).toEqual([]);
    });
});
describe('a client that closes its half of the connection', () => {
    it('after its request is taken for gone', async () => {
        const { upstream, port, failures, slotIsFree } = await withSlots(1);
        const client = await rawClient(port);
        client.send(message('POST / HTTP/1.1', ['Content-Length: 2'], 'hi'));
        const { response } = await upstream.asked.next();
        const ended = once(response, 'close');
        client.socket.end();
        await ended;
        await until(slotIsFree);
        expect(failures).toEqual([]);
    });
});
