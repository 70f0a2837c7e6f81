import { once } from 'node:events';
import { createServer } from 'node:http';
import { onTestFinished } from 'vitest';
import { answer } from '../../src/proxy/answer.js';
import { forward } from '../../src/proxy/forward.js';
import { createUpstream } from '../../src/proxy/upstream.js';
import { parseTarget } from '../../src/routing/target.js';
import { Arrivals } from './arrivals.js';
/** @param url the upstream's */
export async function gatewayTo(url, options = {}) {
    const { timeouts, ...rest } = options;
    const upstream = createUpstream(url, { connect: 10_000, headers: 0, idle: 0, ...timeouts });
    const exchanges = new Arrivals();
    const server = createServer(async (request, response) => {
        const asked = {
            peerAddress: request.socket.remoteAddress ?? '',
            peerTrusted: false,
            responseHeaders: [],
            ...rest,
            upstream,
            request,
            response,
            target: parseTarget(request.url ?? ''),
        };
        const outcome = new Promise((settled) => forward(asked, settled));
        exchanges.add({ request, response, outcome });
        const ended = await outcome;
        if (ended.kind !== 'failed')
            return;
        answer(request, response, { status: ended.status, headers: [], body: ended.detail });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(async () => {
        server.closeAllConnections();
        server.close();
        await upstream.destroy();
    });
    return {
        port: server.address().port,
        exchanges,
        outcome: async () => (await exchanges.next()).outcome,
    };
}
