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
import { expect, it, onTestFinished } from 'vitest';
import { startMemcached } from '../../../packages/sluice/test/stores/servers/memcached.js';
import { curlLoop, startExample, statuses } from '../../prediction-app/test/running.js';
it('ten predictions, whichever process answers and however often the app is started; Memcached itself forgets', async () => {
    const env_1 = { stack: [], error: void 0, hasError: false };
    try {
        const server = await startMemcached();
        onTestFinished(() => server.stop());
        const env = { MEMCACHED_URL: server.url, STORE_DEADLINE: '30s' };
        const processes = new Set();
        {
            const env_2 = { stack: [], error: void 0, hasError: false };
            try {
                const app = __addDisposableResource(env_2, await startExample('memcached', env), true);
                for (let time = 0; time < 9; time++) {
                    const answer = await fetch(`${app.url}/predict`, { method: 'POST', headers: { connection: 'close' } });
                    expect(answer.status).toBe(200);
                    processes.add((await answer.json()).process);
                }
                expect(processes.size).toBe(3);
            }
            catch (e_1) {
                env_2.error = e_1;
                env_2.hasError = true;
            }
            finally {
                const result_1 = __disposeResources(env_2);
                if (result_1)
                    await result_1;
            }
        }
        const app = __addDisposableResource(env_1, await startExample('memcached', env), true);
        const predict = (times) => curlLoop(times, `${app.url}/predict`, { body: '{}' });
        expect(await predict(3)).toEqual(statuses([200, 1], [429, 2]));
        await server.stop();
        const empty = await startMemcached(server.port);
        onTestFinished(() => empty.stop());
        expect(await predict(11)).toEqual(statuses([200, 10], [429, 1]));
    }
    catch (e_2) {
        env_1.error = e_2;
        env_1.hasError = true;
    }
    finally {
        const result_2 = __disposeResources(env_1);
        if (result_2)
            await result_2;
    }
});
