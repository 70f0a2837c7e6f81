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
import { createWarmUp, manualClock, memoryStore } from 'sluice';
import { describe, expect, it } from 'vitest';
import { curlLoop, startExample, statuses } from '../../prediction-app/test/running.js';
import { warmUpApp } from '../src/app.js';
import { dividingApp } from './naive-app.js';
const body = '{"features":[1,2,3]}';
const MINUTE = 60_000;
/** The example, with a clock that stands until it is moved. */
async function example() {
    const clock = manualClock();
    const warmUp = createWarmUp({ from: 0.2, over: '60s', steps: 1, clock });
    const app = await warmUpApp(warmUp, memoryStore({ clock }));
    return { app, clock, warmUp };
}
describe('a model that warms up', () => {
    it('is asked ten times a minute, and fifty times when it is warm: curl', async () => {
        const { app, clock, warmUp } = await example();
        const url = `${await app.listen({ port: 0, host: '127.0.0.1' })}/predict`;
        expect(await curlLoop(12, url, { body })).toEqual(statuses([200, 10], [429, 2]));
        clock.advance(MINUTE);
        warmUp.ready();
        expect(await curlLoop(12, url, { body })).toEqual(statuses([200, 10], [429, 2]));
        clock.advance(MINUTE);
        expect(await curlLoop(52, url, { body })).toEqual(statuses([200, 50], [429, 2]));
        clock.advance(MINUTE);
        warmUp.unready();
        expect(await curlLoop(12, url, { body })).toEqual(statuses([200, 10], [429, 2]));
        await app.close();
    });
    it('tells the limit as it is', async () => {
        const { app, clock, warmUp } = await example();
        const policy = async () => {
            const { headers } = await app.inject({
                method: 'POST',
                url: '/predict',
                payload: body,
                headers: JSON_BODY,
            });
            return headers['ratelimit-policy'];
        };
        expect(await policy()).toBe('"requests";q=10;w=60');
        warmUp.ready();
        clock.advance(MINUTE - 1);
        expect(await policy()).toBe('"requests";q=10;w=60');
        clock.advance(1);
        expect(await policy()).toBe('"requests";q=50;w=60');
        await app.close();
    });
});
const JSON_BODY = { 'content-type': 'application/json' };
describe('a limit that was divided while the model warmed up', () => {
    /** What is let in of sixty requests, in two minutes of warming up and in one after it. */
    async function admittedByMinute(app, next) {
        const admitted = [];
        for (let minute = 0; minute < 3; minute++) {
            let count = 0;
            for (let request = 0; request < 60; request++) {
                const answer = await app.inject({
                    method: 'POST',
                    url: '/predict',
                    payload: body,
                    headers: JSON_BODY,
                });
                if (answer.statusCode === 200)
                    count++;
            }
            admitted.push(count);
            next();
        }
        return admitted;
    }
    it('is whole again', async () => {
        const { app, clock, warmUp } = await example();
        const admitted = await admittedByMinute(app, () => {
            clock.advance(MINUTE);
            warmUp.ready();
        });
        expect(admitted).toEqual([10, 10, 50]);
        await app.close();
    });
    it('comes to nothing and stays there where each request divides it', async () => {
        let minute = 0;
        const app = dividingApp(() => minute < 2, () => minute);
        const admitted = await admittedByMinute(app, () => {
            minute++;
        });
        // The first request finds 10, the second 2, the third 0.
        expect(admitted).toEqual([2, 0, 0]);
        await app.close();
    });
});
describe('examples/warm-up', () => {
    const modelInfo = async ({ url }) => (await fetch(`${url}/model-info`)).json();
    it('starts with a fifth by its one command', async () => {
        const env_1 = { stack: [], error: void 0, hasError: false };
        try {
            const running = __addDisposableResource(env_1, await startExample('warm-up'), true);
            const answered = await curlLoop(12, `${running.url}/predict`, { body });
            expect(answered).toEqual(statuses([200, 10], [429, 2]));
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
    it('has all of it when the model is warm', async () => {
        const env_2 = { stack: [], error: void 0, hasError: false };
        try {
            const running = __addDisposableResource(env_2, await startExample('warm-up', { WARM_UP: '1ms' }), true);
            await expect.poll(() => modelInfo(running), { timeout: 30_000 }).toEqual({ ready: true, scale: 1 });
            const answered = await curlLoop(52, `${running.url}/predict`, { body });
            expect(answered).toEqual(statuses([200, 50], [429, 2]));
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
});
