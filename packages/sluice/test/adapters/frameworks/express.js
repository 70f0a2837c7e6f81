import express, {} from 'express';
import express4 from 'express4';
import { limit, settle } from '../../../src/adapters/express.js';
import { listening } from './listening.js';
function onExpress(make) {
    return {
        readsBody: true,
        stacks: true,
        tellsRepeated: true,
        start(routes) {
            const app = make();
            app.use(make.json());
            for (const route of routes) {
                const verb = route.method === 'GET' ? 'get' : 'post';
                app[verb](route.path, ...route.limits.map((options) => limit(options)), handlerOf(route));
            }
            return listening(app);
        },
        bodyOf: (request) => request.body,
        headerOf: (request, name) => request.get(name),
    };
}
function handlerOf({ handle }) {
    return async (request, response, next) => {
        try {
            const answer = await handle({ settle: (costs) => settle(request, costs) });
            if (typeof answer === 'string')
                response.send(answer);
            else
                stream(answer, response);
        }
        catch (error) {
            next(error);
        }
    };
}
function stream(answer, response) {
    answer.pipe(response);
    response.once('close', () => answer.destroy());
}
export const onExpress5 = onExpress(express);
export const onExpress4 = onExpress(express4);
