import { getRequestListener } from '@hono/node-server';
import { limit, settle } from '../../../src/adapters/fetch.js';
import { webStream } from './hono.js';
import { listening } from './listening.js';
/** A handler of the web's standard, on a server of Node's, with what such servers bring: a routing of their own. */
export const onFetch = {
    readsBody: false,
    stacks: true,
    tellsRepeated: false,
    start(routes) {
        const handlers = routes.map((route) => ({ route, handler: handlerOf(route) }));
        return listening(getRequestListener(async (request, env) => {
            const found = handlers.find(({ route }) => matches(route, request));
            return found?.handler(request, env) ?? new Response('', { status: 404 });
        }, { errorHandler: () => new Response('', { status: 500 }) }));
    },
    bodyOf: () => undefined,
    headerOf: (request, name) => request.headers.get(name) ?? undefined,
};
function handlerOf({ method, path, limits, handle }) {
    const innermost = async (request) => {
        const answer = await handle({ settle: (costs) => settle(request, costs) });
        return new Response(typeof answer === 'string' ? answer : webStream(answer));
    };
    return limits.reduceRight((inner, options) => {
        const limited = limit({
            ...(typeof options === 'string' ? { rules: [{ limit: options }] } : options),
            address: (_request, env) => env.incoming.socket.remoteAddress,
            route: () => `${method} ${path}`,
        });
        return limited(inner);
    }, innermost);
}
function matches({ method, path }, request) {
    const verb = request.method === 'HEAD' ? 'GET' : request.method;
    const pattern = new RegExp(`^${path.replace(/:\w+/g, '[^/]+')}$`);
    return verb === method && pattern.test(new URL(request.url).pathname);
}
