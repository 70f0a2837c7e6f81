import Fastify, {} from 'fastify';
import { limit, settle } from '../../../src/adapters/fastify.js';
import { appOf } from './listening.js';
function onFastify(hook) {
    return {
        readsBody: hook === 'preHandler',
        stacks: true,
        tellsRepeated: true,
        async start(routes) {
            const app = Fastify();
            for (const { method, path, limits, handle } of routes) {
                app.route({
                    method,
                    url: path,
                    [hook]: limits.map((options) => limit(options)),
                    handler: (request) => handle({ settle: (costs) => settle(request, costs) }),
                });
            }
            await app.listen({ host: '127.0.0.1', port: 0 });
            return appOf(app.server, () => app.close());
        },
        bodyOf: (request) => request.body,
        headerOf: (request, name) => request.headers[name]?.toString(),
    };
}
export const onFastifyPreHandler = onFastify('preHandler');
export const onFastifyRequest = onFastify('onRequest');
