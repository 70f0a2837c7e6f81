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
import { createLimiter } from '../../src/limiter.js';
import { recordingStore } from './recording-store.js';
const ASKED = { tokens: 60, rows: 10, slots: 1 };
const RULES = [
    { limit: '100/hour', of: 'tokens', by: 'everyone', cost: ({ tokens }) => tokens },
    { limit: '100/hour', of: 'rows', by: 'everyone', cost: ({ rows }) => rows },
    { concurrent: 2, by: 'everyone', cost: ({ slots }) => slots },
];
/** Permits of a limiter, and what is left beside them. */
function permits(settle) {
    const recording = recordingStore(settle);
    const limiter = createLimiter({ store: recording.store, rules: RULES });
    const permit = (asked = ASKED) => {
        const decision = limiter.admit(asked);
        if (decision instanceof Promise || !decision.allowed)
            throw new Error('it was not let in');
        recording.calls.length = 0;
        return decision.permit;
    };
    const left = async () => {
        const { quotas } = await limiter.peek({ tokens: 0, rows: 0, slots: 0 });
        return quotas.map(({ remaining }) => remaining);
    };
    return { ...recording, permit, left };
}
describe('settle', () => {
    it('gives back what was taken too much, and charges what was too little, whatever the limit', async () => {
        const { permit, left, settled } = permits();
        await permit().settle({ tokens: 15, rows: 500 });
        expect(settled).toEqual([15, 500]);
        expect(await left()).toEqual([85, 0, 1]);
    });
    it('counts once, resource by resource', async () => {
        const { permit, settled } = permits();
        const one = permit();
        await one.settle({ tokens: 15 });
        await one.settle({ tokens: 0, rows: 3 });
        await one.settle({ tokens: 99, rows: 99 });
        expect(settled).toEqual([15, 3]);
    });
    it('asks the store for nothing where nothing changes', async () => {
        const { permit, calls } = permits();
        const one = permit();
        await one.settle({ tokens: 60, gpu_seconds: 4 });
        await one.settle({});
        // It is settled all the same.
        await one.settle({ tokens: 0 });
        expect(calls).toEqual([]);
    });
    it.each([-1, Number.NaN, Number.POSITIVE_INFINITY, '5', undefined])('refuses %s, settles nothing then, and can be called again', async (wrong) => {
        const { permit, calls, settled } = permits();
        const one = permit();
        expect(() => one.settle({ rows: 3, tokens: wrong })).toThrow(/a cost is/);
        expect(calls).toEqual([]);
        await one.settle({ rows: 3, tokens: 5 });
        expect(settled).toEqual([5, 3]);
    });
    it('is no matter of names that every object has', async () => {
        const { permit, calls } = permits();
        await permit().settle(Object.create({ tokens: 1 }));
        expect(calls).toEqual([]);
    });
    it('in whatever order with release', async () => {
        const { permit, settled } = permits();
        const one = permit();
        await one.release();
        await one.settle({ tokens: 1 });
        expect(settled).toEqual([0, 1]);
    });
});
describe('release', () => {
    it('frees the slots, once, and leaves what it cost', async () => {
        const { permit, left, calls } = permits();
        const one = permit();
        expect(one.holdsSlots).toBe(true);
        for (let times = 0; times < 3; times++)
            await one.release();
        expect(one.holdsSlots).toBe(false);
        expect(calls).toEqual(['settle']);
        expect(await left()).toEqual([40, 90, 2]);
    });
    it('of a permit without slots asks the store for nothing', () => {
        const { store, calls } = recordingStore();
        const decision = createLimiter({ store, rules: [{ limit: '5/minute' }] }).admit('key');
        if (decision instanceof Promise || !decision.allowed)
            throw new Error('it was not let in');
        expect(decision.permit.holdsSlots).toBe(false);
        decision.permit.release();
        decision.permit.keepRenewed();
        decision.permit.renew();
        expect(calls).toEqual(['take']);
    });
    it('is what a block does at its end, whatever happens in it', () => {
        const { permit, settled } = permits();
        const block = (fails) => {
            const env_1 = { stack: [], error: void 0, hasError: false };
            try {
                const held = __addDisposableResource(env_1, permit({ ...ASKED, tokens: 1 }), false);
                if (fails)
                    throw new Error(`it held ${held.holdsSlots}`);
            }
            catch (e_1) {
                env_1.error = e_1;
                env_1.hasError = true;
            }
            finally {
                __disposeResources(env_1);
            }
        };
        block(false);
        expect(() => block(true)).toThrow('it held true');
        expect(settled).toEqual([0, 0]);
    });
    it('by await using waits for the store', async () => {
        let answer = () => { };
        const { permit } = permits(() => new Promise((resolve) => (answer = resolve)));
        let over = false;
        const block = (async () => {
            const env_2 = { stack: [], error: void 0, hasError: false };
            try {
                const _held = __addDisposableResource(env_2, permit(), true);
            }
            catch (e_2) {
                env_2.error = e_2;
                env_2.hasError = true;
            }
            finally {
                const result_1 = __disposeResources(env_2);
                if (result_1)
                    await result_1;
            }
        })().then(() => {
            over = true;
        });
        await new Promise((resolve) => setImmediate(resolve));
        expect(over).toBe(false);
        answer();
        await block;
        expect(over).toBe(true);
    });
    it('that the store does not do is told to who waits for it, and to nobody else', async () => {
        const { permit } = permits(() => Promise.reject(new Error('away')));
        await expect(permit().release()).rejects.toThrow('away');
        // An unhandled rejection would fail the test run.
        permit({ ...ASKED, tokens: 1 })[Symbol.dispose]();
        await new Promise((resolve) => setImmediate(resolve));
    });
});
describe('cancel', () => {
    it('gives back all that was not settled', async () => {
        const { permit, left } = permits();
        await permit().cancel();
        expect(await left()).toEqual([100, 100, 2]);
        const other = permit();
        await other.settle({ tokens: 50 });
        await other.cancel();
        await other.cancel();
        expect(await left()).toEqual([50, 100, 2]);
    });
});
describe('renew', () => {
    it('holds the slots for another lease, until they are free', async () => {
        const { permit, left, clock } = permits();
        const one = permit();
        for (let times = 0; times < 5; times++) {
            clock.advance(29_000);
            await one.renew();
        }
        expect((await left())[2]).toBe(1);
        clock.advance(30_000);
        expect((await left())[2]).toBe(2);
        await one.release();
        await one.renew();
        expect((await left())[2]).toBe(2);
    });
});
