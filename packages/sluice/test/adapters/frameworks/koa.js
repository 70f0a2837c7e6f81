import { json } from 'node:stream/consumers';
import Router from '@koa/router';
import Koa, {} from 'koa';
import { limit, settle } from '../../../src/adapters/koa.js';
import { listening } from './listening.js';
export const onKoa = {
    readsBody: true,
    stacks: true,
    tellsRepeated: true,
    start(routes) {
        const app = new Koa();
        // What a handler throws on purpose is not for the console.
        app.silent = true;
        const router = new Router();
        for (const { method, path, limits, handle } of routes) {
            const handler = async (context) => {
                context.body = await handle({ settle: (costs) => settle(context, costs) });
            };
            router.register(path, [method], [readBody, ...limits.map((options) => limit(options)), handler]);
        }
        app.use(router.routes());
        return listening(app.callback());
    },
    bodyOf: (request) => request.state.body,
    headerOf: (request, name) => request.get(name) || undefined,
};
async function readBody(context, next) {
    if (context.get('content-type') === 'application/json')
        context.state.body = await json(context.req);
    await next();
}
