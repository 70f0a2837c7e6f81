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
import { startRedis } from '../../../packages/sluice/test/stores/servers/redis.js';
import { curlLoop, startExample, statuses } from '../../prediction-app/test/running.js';
const BODY = { body: '{"features":[1,2,3]}' };
it('what was used stays used when the app is started again, and when Redis is', async () => {
    const env_1 = { stack: [], error: void 0, hasError: false };
    try {
        // As the page says that it is started.
        const redis = await startRedis(['--appendonly', 'yes']);
        onTestFinished(() => redis.stop());
        const env = { REDIS_URL: `redis://127.0.0.1:${redis.port}`, STORE_DEADLINE: '30s' };
        {
            const env_2 = { stack: [], error: void 0, hasError: false };
            try {
                const app = __addDisposableResource(env_2, await startExample('redis', env), true);
                expect(await curlLoop(15, `${app.url}/predict`, BODY)).toEqual(statuses([200, 15]));
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
        const app = __addDisposableResource(env_1, await startExample('redis', env), true);
        const predict = (times) => curlLoop(times, `${app.url}/predict`, BODY);
        expect(await predict(3)).toEqual(statuses([200, 3]));
        await redis.crash();
        await redis.startAgain();
        expect(await predict(4)).toEqual(statuses([200, 2], [429, 2]));
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
it('while Redis is away each process gives out its part', async () => {
    const env_3 = { stack: [], error: void 0, hasError: false };
    try {
        const redis = await startRedis();
        onTestFinished(() => redis.stop());
        const app = __addDisposableResource(env_3, await startExample('redis', { REDIS_URL: `redis://127.0.0.1:${redis.port}` }), true);
        await redis.crash();
        // A third of twenty is six, in each of three processes.
        const answers = await curlLoop(60, `${app.url}/predict`, BODY);
        expect(answers.filter((status) => status === 200)).toHaveLength(18);
        expect(answers.filter((status) => status === 429)).toHaveLength(42);
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
