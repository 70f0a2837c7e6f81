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
import { expect, it } from 'vitest';
import { DEFAULT_PLAN, QUICK_PLAN } from '../src/models.js';
import { serve, until } from './serving.js';
/** A plan that no test sees the end of. */
const ENDLESS = { ...DEFAULT_PLAN, heavy: { ...DEFAULT_PLAN.heavy, epochs: 1_000_000 } };
it('is 503 with the progress while the models are trained, and so is everything else', async () => {
    let slices = 0;
    const serving = await serve({ plan: ENDLESS, onProgress: () => slices++ });
    const health = async () => {
        const answer = await fetch(`${serving.url}/healthz`);
        expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
        return (await answer.json());
    };
    try {
        await until(async () => (await health()).progress > 0);
        const { status, progress } = await health();
        expect(status).toBe('training');
        expect(progress).toBeLessThan(1);
        for (const path of ['/predict', '/models/batch-process', '/v1/chat/completions']) {
            const answer = await serving.post(path, {});
            expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
        }
        expect((await fetch(`${serving.url}/model-info`)).status).toBe(503);
        expect((await serving.post('/nowhere', {})).status).toBe(404);
        // It went on with the training between the answers.
        const before = slices;
        await until(() => slices > before);
        expect(serving.server.models).toBeUndefined();
    }
    finally {
        await serving.server.close();
    }
    await expect(serving.server.ready).rejects.toThrow('closed before its models were trained');
});
it('is 200 once they are', async () => {
    const env_1 = { stack: [], error: void 0, hasError: false };
    try {
        const serving = __addDisposableResource(env_1, await serve({ plan: QUICK_PLAN }), true);
        await serving.server.ready;
        const answer = await fetch(`${serving.url}/healthz`);
        expect(answer.status).toBe(200);
        expect(await answer.json()).toEqual({
            status: 'ready',
            generations: { running: 0, abandoned: 0, tokens: 0 },
        });
        expect((await serving.post('/predict', { features: [1, 2, 3] })).status).toBe(200);
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
