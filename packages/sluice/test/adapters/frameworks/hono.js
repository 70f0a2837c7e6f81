import { Readable } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { limit, settle } from '../../../src/adapters/hono.js';
import { listening } from './listening.js';
export const onHono = {
    readsBody: false,
    stacks: true,
    tellsRepeated: true,
    start(routes) {
        const app = new Hono();
        // What a handler throws on purpose is not for the console.
        app.onError((_error, context) => context.text('', 500));
        for (const { method, path, limits, handle } of routes) {
            app.on(method, [path], ...limits.map((options) => limit(options)), async (context) => {
                const answer = await handle({ settle: (costs) => settle(context, costs) });
                return typeof answer === 'string' ? context.text(answer) : context.body(webStream(answer));
            });
        }
        return listening(getRequestListener(app.fetch));
    },
    bodyOf: () => undefined,
    headerOf: (request, name) => request.req.header(name),
};
export function webStream(body) {
    return Readable.toWeb(body);
}
