var __addDisposableResource = (this && this.__addDisposableResource) || function (env, value, async) {
    if (value !== null && value !== void 0) {
        if (typeof value !== "object" && typeof value !== "function") throw new TypeError("Object expected.");
        var dispose, inner;
        if (async) {
            if (!Symbol.asyncDispose) throw new TypeError("Symbol.asyncDispose is not defined.");
            dispose = value[Symbol.asyncDispose];
        }
        if (dispose === void 0) {
            if (!Symbol.dispose) throw new TypeError("Symbol.dispose is not defined.");
            dispose = value[Symbol.dispose];
            if (async) inner = dispose;
        }
        if (typeof dispose !== "function") throw new TypeError("Object not disposable.");
        if (inner) dispose = function() { try { inner.call(this); } catch (e) { return Promise.reject(e); } };
        env.stack.push({ value: value, dispose: dispose, async: async });
    }
    else if (async) {
        env.stack.push({ async: true });
    }
    return value;
};
var __disposeResources = (this && this.__disposeResources) || (function (SuppressedError) {
    return function (env) {
        function fail(e) {
            env.error = env.hasError ? new SuppressedError(e, env.error, "An error was suppressed during disposal.") : e;
            env.hasError = true;
        }
        var r, s = 0;
        function next() {
            while (r = env.stack.pop()) {
                try {
                    if (!r.async && s === 1) return s = 0, env.stack.push(r), Promise.resolve().then(next);
                    if (r.dispose) {
                        var result = r.dispose.call(r.value);
                        if (r.async) return s |= 2, Promise.resolve(result).then(next, function(e) { fail(e); return next(); });
                    }
                    else s |= 1;
                }
                catch (e) {
                    fail(e);
                }
            }
            if (s === 1) return env.hasError ? Promise.reject(env.error) : Promise.resolve();
            if (env.hasError) throw env.error;
        }
        return next();
    };
})(typeof SuppressedError === "function" ? SuppressedError : function (error, suppressed, message) {
    var e = new Error(message);
    return e.name = "SuppressedError", e.error = error, e.suppressed = suppressed, e;
});
import { describe, expect, it } from 'vitest';
import { answers, featuresOf, lightweightModel, prediction, predictionApp, row, rows } from '../src/index.js';
async function twoRoutes() {
    const app = await predictionApp({ title: 'Two routes', description: 'For a test' });
    app.post('/one', { schema: { body: row, response: answers(prediction) } }, async ({ body }) => lightweightModel(featuresOf(body)));
    app.post('/many', { schema: { body: rows } }, async ({ body }) => body.map(({ features }) => features[0]));
    return app;
}
describe('the OpenAPI page', () => {
    it('is served, and its document describes the bodies', async () => {
        const env_1 = { stack: [], error: void 0, hasError: false };
        try {
            const app = __addDisposableResource(env_1, await twoRoutes(), true);
            const page = await app.inject('/docs');
            expect([page.statusCode, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
            const document = (await app.inject('/openapi.json')).json();
            expect(document.info.title).toBe('Two routes');
            expect(Object.keys(document.paths)).toEqual(['/one', '/many']);
            const { schema } = document.paths['/many'].post.requestBody.content['application/json'];
            expect(schema.items.required).toEqual(['features']);
        }
        catch (e_1) {
            env_1.error = e_1;
            env_1.hasError = true;
        }
        finally {
            const result_1 = __disposeResources(env_1);
            if (result_1)
                await result_1;
        }
    });
});
describe('a body', () => {
    it('may have either form', async () => {
        const env_2 = { stack: [], error: void 0, hasError: false };
        try {
            const app = __addDisposableResource(env_2, await twoRoutes(), true);
            const ask = async (payload) => (await app.inject({ method: 'POST', url: '/one', payload })).json();
            expect(await ask({ features: [1, 2, 3] })).toEqual(await ask({ data: [1, 2, 3] }));
            expect(await ask({ features: [1, 2, 3] })).not.toEqual(await ask({ features: [3, 2, 1] }));
        }
        catch (e_2) {
            env_2.error = e_2;
            env_2.hasError = true;
        }
        finally {
            const result_2 = __disposeResources(env_2);
            if (result_2)
                await result_2;
        }
    });
    it.each([
        [
            '/one',
            '{}',
            [
                ['body', 'features'],
                ['body', 'data'],
            ],
        ],
        ['/one', '{"features":[1,2]}', [['body', 'features']]],
        ['/one', '{"features":[1,2,"3"]}', [['body', 'features', 2]]],
        ['/one', '{"features":[1,2,1e999]}', [['body', 'features', 2]]],
        ['/many', '[]', [['body']]],
        ['/many', '[{"features":[1,2,3]},{"data":[1,2,3]}]', [['body', 1, 'features']]],
        ['/many', '[{"features":[1,2,3]},{"features":null}]', [['body', 1, 'features']]],
        ['/many', '[{"features":[1,2,3],"extra":1}]', [['body', 0, 'extra']]],
    ])('that is wrong is answered with 422 and the field: %s %s', async (url, payload, fields) => {
        const env_3 = { stack: [], error: void 0, hasError: false };
        try {
            const app = __addDisposableResource(env_3, await twoRoutes(), true);
            const answer = await app.inject({
                method: 'POST',
                url,
                payload,
                headers: { 'content-type': 'application/json' },
            });
            expect(answer.statusCode).toBe(422);
            expect(answer.json().detail.map(({ loc }) => loc)).toEqual(fields);
        }
        catch (e_3) {
            env_3.error = e_3;
            env_3.hasError = true;
        }
        finally {
            const result_3 = __disposeResources(env_3);
            if (result_3)
                await result_3;
        }
    });
    it('that is no JSON is answered with 400', async () => {
        const env_4 = { stack: [], error: void 0, hasError: false };
        try {
            const app = __addDisposableResource(env_4, await twoRoutes(), true);
            const headers = { 'content-type': 'application/json' };
            expect((await app.inject({ method: 'POST', url: '/one', payload: '{', headers })).statusCode).toBe(400);
        }
        catch (e_4) {
            env_4.error = e_4;
            env_4.hasError = true;
        }
        finally {
            const result_4 = __disposeResources(env_4);
            if (result_4)
                await result_4;
        }
    });
});
