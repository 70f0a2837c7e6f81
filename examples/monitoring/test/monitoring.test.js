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
import fastify, {} from 'fastify';
import { describe, expect, it } from 'vitest';
import { curlLoop, startExample, statuses } from '../../prediction-app/test/running.js';
import { monitoringApp } from '../src/app.js';
const body = '{"features":[1,2,3]}';
describe('examples/monitoring', () => {
    it('counts what came and what was refused, in all and by endpoint', async () => {
        const env_1 = { stack: [], error: void 0, hasError: false };
        try {
            const example = __addDisposableResource(env_1, await startExample('monitoring'), true);
            const metrics = async () => (await fetch(`${example.url}/metrics`)).json();
            expect(await metrics()).toEqual({ total_requests: 0, limited_requests: 0, endpoints: {} });
            expect(await curlLoop(12, `${example.url}/predict`, { body })).toEqual(statuses([200, 10], [429, 2]));
            expect(await curlLoop(8, `${example.url}/models/heavy/predict`, { body })).toEqual(statuses([200, 5], [429, 3]));
            await expect.poll(metrics).toEqual({
                total_requests: 20,
                limited_requests: 5,
                endpoints: {
                    'POST /predict': { total: 12, limited: 2 },
                    'POST /models/heavy/predict': { total: 8, limited: 3 },
                },
            });
            // Asking for the counts, and the pages, is not what is watched.
            await curlLoop(3, `${example.url}/metrics`);
            await curlLoop(1, `${example.url}/openapi.json`);
            expect(await metrics()).toMatchObject({ total_requests: 20 });
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
    it('counts a wrong body as a request that was not limited', async () => {
        const app = await monitoringApp();
        const wrong = await app.inject({ method: 'POST', url: '/predict', payload: { features: 1 } });
        expect(wrong.statusCode).toBe(422);
        expect((await app.inject('/metrics')).json()).toMatchObject({ total_requests: 1, limited_requests: 0 });
        await app.close();
    });
});
describe('made-up paths', () => {
    /** As counts are often kept: by the path that was asked for. */
    const countingByPath = () => {
        const endpoints = {};
        const app = fastify();
        app.addHook('onRequest', async ({ url }) => {
            endpoints[url] = (endpoints[url] ?? 0) + 1;
        });
        app.get('/metrics', async () => ({ endpoints }));
        return app;
    };
    const endpointsAfterMadeUpPaths = async (app) => {
        for (let path = 0; path < 100; path++)
            await app.inject(`/made/up/${path}`);
        return Object.keys((await app.inject('/metrics')).json().endpoints);
    };
    it('are counted as one endpoint', async () => {
        const app = await monitoringApp();
        expect(await endpointsAfterMadeUpPaths(app)).toEqual(['elsewhere']);
        await app.close();
    });
    it('are as many endpoints as there are paths where they are counted by path', async () => {
        expect(await endpointsAfterMadeUpPaths(countingByPath())).toHaveLength(101);
    });
});
