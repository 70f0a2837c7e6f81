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
import { request } from 'node:http';
import { describe, expect, it } from 'vitest';
import { quickModels, serve, until } from './serving.js';
const models = quickModels();
const PATH = '/v1/chat/completions';
const endless = {
    messages: [{ role: 'user', content: 'Why?' }],
    ignore_eos: true,
    max_tokens: 1_000_000,
};
const endlessStream = { ...endless, stream: true };
describe('a stream', () => {
    it('stops the model when the client goes away', async () => {
        const env_1 = { stack: [], error: void 0, hasError: false };
        try {
            const own = __addDisposableResource(env_1, await serve({ models }), true);
            const gone = new AbortController();
            const answer = await own.post(PATH, endlessStream, gone.signal);
            const { generations } = own.server;
            await answer.body?.getReader().read();
            expect(generations.running).toBe(1);
            gone.abort();
            await until(() => generations.running === 0);
            expect(generations.abandoned).toBe(1);
            expect(generations.tokens).toBeLessThan(1_000_000);
            const health = await fetch(`${own.url}/healthz`);
            expect(await health.json()).toMatchObject({ generations: { running: 0, abandoned: 1 } });
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
    it('is no faster than its client', async () => {
        const env_2 = { stack: [], error: void 0, hasError: false };
        try {
            const own = __addDisposableResource(env_2, await serve({ models }), true);
            const body = JSON.stringify(endlessStream);
            const response = await new Promise((resolve, reject) => {
                request(`${own.url}${PATH}`, { method: 'POST' }, resolve).on('error', reject).end(body);
            });
            // Nothing is read. The buffers of both sides fill up, and then the model has to wait.
            const { generations } = own.server;
            let last = -1;
            let still = 0;
            await until(() => {
                still = generations.tokens === last ? still + 1 : 0;
                last = generations.tokens;
                return still === 40;
            });
            expect(generations.running).toBe(1);
            expect(generations.tokens).toBeGreaterThan(0);
            expect(generations.tokens).toBeLessThan(100_000);
            // It goes on as soon as somebody reads.
            response.resume();
            await until(() => generations.tokens > last);
            response.destroy();
            await until(() => generations.running === 0);
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
    it('can be long', async () => {
        const env_3 = { stack: [], error: void 0, hasError: false };
        try {
            const own = __addDisposableResource(env_3, await serve({ models }), true);
            const answer = await own.post(PATH, { ...endlessStream, max_tokens: 20_000 });
            let bytes = 0;
            let events = 0;
            for await (const part of answer.body) {
                bytes += part.length;
                events += part.reduce((count, byte, at) => (byte === 10 && part[at - 1] !== 10 ? count + 1 : count), 0);
            }
            expect(bytes).toBeGreaterThan(20_000 * 100);
            expect(events).toBeGreaterThanOrEqual(20_000);
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
    it('is cut off when the server closes and does not want to wait', async () => {
        const own = await serve({ models, tokenInterval: 1 });
        const answer = await own.post(PATH, endlessStream);
        await own.server.close();
        await expect(answer.text()).rejects.toThrow();
        await until(() => own.server.generations.running === 0);
    });
});
describe('a whole answer', () => {
    it('is given up when the client goes away', async () => {
        const env_4 = { stack: [], error: void 0, hasError: false };
        try {
            const own = __addDisposableResource(env_4, await serve({ models, tokenInterval: 1 }), true);
            const gone = new AbortController();
            const waiting = own.post(PATH, endless, gone.signal);
            await until(() => own.server.generations.tokens > 3);
            gone.abort();
            await expect(waiting).rejects.toThrow();
            await until(() => own.server.generations.running === 0);
            expect(own.server.generations.abandoned).toBe(1);
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
    it('is waited for when the server closes', async () => {
        const own = await serve({ models, tokenInterval: 1, grace: 60_000 });
        const waiting = own.ask(PATH, { ...endless, max_tokens: 20 });
        await until(() => own.server.generations.running === 1);
        const closed = own.server.close();
        expect(await waiting).toMatchObject({ status: 200, body: { usage: { completion_tokens: 20 } } });
        await closed;
        await expect(fetch(`${own.url}/healthz`)).rejects.toThrow();
    });
});
