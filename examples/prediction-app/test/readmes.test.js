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
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startMemcached } from '../../../packages/sluice/test/stores/servers/memcached.js';
import { startRedis } from '../../../packages/sluice/test/stores/servers/redis.js';
import { startExample } from './running.js';
/** The loop that each example's page shows is run against that example, and prints what the page says. */
const run = promisify(execFile);
describe('the page of an example', () => {
    it.each(['in-memory', 'tiers', 'warm-up', 'strategies', 'resources', 'monitoring'])('says what examples/%s does', (name) => expectToDoAsItSays(name));
    // On a busy machine a server may take its time; here it shall decide all the same.
    const patient = { STORE_DEADLINE: '30s' };
    it('says what examples/redis does', async () => {
        const redis = await startRedis();
        onTestFinished(() => redis.stop());
        await expectToDoAsItSays('redis', { ...patient, REDIS_URL: `redis://127.0.0.1:${redis.port}` });
    });
    it('says what examples/memcached does', async () => {
        const memcached = await startMemcached();
        onTestFinished(() => memcached.stop());
        await expectToDoAsItSays('memcached', { ...patient, MEMCACHED_URL: memcached.url });
    });
});
async function expectToDoAsItSays(name, env = {}) {
    const env_1 = { stack: [], error: void 0, hasError: false };
    try {
        const page = await readFile(new URL(`../../${name}/README.md`, import.meta.url), 'utf8');
        expect(page).toContain(`\`node examples/${name}/dist/main.js\``);
        const example = __addDisposableResource(env_1, await startExample(name, env), true);
        const command = listing(page, 'sh').replace('localhost:8080', new URL(example.url).host);
        const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', command]);
        expect(words(stdout)).toEqual(words(listing(page, 'text')));
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
}
function listing(page, language) {
    const found = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'ms').exec(page)?.[1];
    if (found === undefined)
        throw new Error(`no listing in ${language}`);
    return found;
}
/** `uniq` pads its counts differently from system to system. */
function words(text) {
    return text.trim().split(/\s+/);
}
