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
import { createLimiter } from '../../../src/limiter.js';
import { ALL, inFlight, P, RATES } from './harness.js';
/** What an allowed request holds, over the store. */
export function permitCases(suite) {
    describe.each(RATES)('%s: permits', (_algorithm, limitOf) => {
        const tokens = (store) => createLimiter({
            store,
            rules: [{ limit: limitOf(), of: 'tokens', by: 'everyone', cost: (units) => units }],
        });
        it('the same permit settled twice: once', () => suite.with(async ({ store }) => {
            const limiter = tokens(store);
            const permit = await admitted(limiter, 3);
            await admitted(limiter, 1);
            for (let times = 0; times < 5; times++)
                await permit.settle({ tokens: 1 });
            await permit.settle({ tokens: 0 });
            await permit.settle({ tokens: 4 });
            expect(await units(limiter)).toBe(2);
        }));
        it('a permit settled after its charge is over gives nothing back', () => suite.with(async ({ store, advance }) => {
            const limiter = tokens(store);
            const permit = await admitted(limiter, 4);
            await advance(2 * P);
            await admitted(limiter, 4);
            await permit.settle({ tokens: 0 });
            expect(await units(limiter)).toBe(0);
        }));
        it('a settlement that cannot be counted settles nothing, and can be made good', () => suite.with(async ({ store }) => {
            const limiter = tokens(store);
            const permit = await admitted(limiter, 3);
            for (const cost of [-1, Number.NaN, Number.POSITIVE_INFINITY])
                await expect(async () => permit.settle({ tokens: cost })).rejects.toThrow(RangeError);
            await permit.settle({ tokens: 1 });
            expect(await units(limiter)).toBe(3);
        }));
        it('a resource that no rule counts is passed over', () => suite.with(async ({ store }) => {
            const limiter = tokens(store);
            const permit = await admitted(limiter, 2);
            await permit.settle({ output_tokens: 0, requests: 0 });
            await permit.release();
            expect(await units(limiter)).toBe(2);
        }));
    });
    describe('concurrency: permits', () => {
        const slots = (store) => createLimiter({
            store,
            rules: [{ concurrent: 4, lease: P, by: 'everyone', cost: (units) => units }],
        });
        it('the same permit released twice: once', () => suite.with(async ({ store }) => {
            const limiter = slots(store);
            const permit = await admitted(limiter, 2);
            await admitted(limiter, 2);
            for (let times = 0; times < 3; times++)
                await permit.release();
            expect(await units(limiter)).toBe(2);
            expect(permit.holdsSlots).toBe(false);
        }));
        it('a permit released after its expiry frees nobody else', () => suite.with(async ({ store, advance }) => {
            const limiter = slots(store);
            const permit = await admitted(limiter, 4);
            await advance(P);
            await admitted(limiter, 4);
            await permit.release();
            expect(await units(limiter)).toBe(0);
        }));
        it('a permit that was released is not renewed back to life', () => suite.with(async ({ store }) => {
            const limiter = slots(store);
            const permit = await admitted(limiter, 4);
            await permit.release();
            await permit.renew();
            expect(await units(limiter)).toBe(4);
        }));
        it('a block that ends releases, also when it throws', () => suite.with(async ({ store }) => {
            const limiter = slots(store);
            const block = async () => {
                const env_1 = { stack: [], error: void 0, hasError: false };
                try {
                    const permit = __addDisposableResource(env_1, await admitted(limiter, 4), true);
                    throw new Error(permit.holdsSlots ? 'in the block' : 'no slots');
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
            };
            await expect(block).rejects.toThrow('in the block');
            expect(await units(limiter)).toBe(4);
        }));
    });
    it('slots and tokens of one request: settled and released each for itself', () => suite.with(async ({ store }) => {
        const limiter = createLimiter({
            store,
            rules: [
                { limit: '10/hour', of: 'tokens', cost: 6 },
                { concurrent: 2, lease: P },
            ],
        });
        const permit = await admitted(limiter, 'client');
        await permit.release();
        await permit.settle({ tokens: 2 });
        const quotas = (await limiter.peek('client')).quotas;
        expect(quotas.map(({ remaining }) => remaining)).toEqual([2, 1]);
        expect((await limiter.admit('client')).allowed).toBe(true);
    }));
    it('a refused request holds nothing of what its first rules would have given', () => suite.with(async ({ store }) => {
        const rules = ALL.map(([name, limitOf]) => name === 'concurrency'
            ? { name, concurrent: inFlight().limit, lease: P }
            : { name, limit: limitOf() });
        const limiter = createLimiter({ store, rules: [...rules, { name: 'last', limit: '1/hour' }] });
        expect((await limiter.admit('client')).allowed).toBe(true);
        for (let times = 0; times < 5; times++) {
            const decision = await limiter.admit('client');
            expect(decision).toMatchObject({ allowed: false, refusal: { rule: 'last' } });
            expect(decision.quotas.map(({ remaining }) => remaining)).toEqual([3, 3, 3, 3, 3, 0]);
        }
    }));
}
async function admitted(limiter, request) {
    const decision = await limiter.admit(request);
    if (!decision.allowed)
        throw new Error(`refused: ${decision.refusal.rule}`);
    return decision.permit;
}
/** What is left of the one rule. */
async function units(limiter) {
    return (await limiter.peek(0)).quotas[0]?.remaining ?? Number.NaN;
}
