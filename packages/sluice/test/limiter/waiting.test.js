import { describe, expect, it } from 'vitest';
import { createLimiter } from '../../src/limiter.js';
import { systemTimers } from '../../src/stores/failure/timers.js';
import { memoryStore } from '../../src/stores/memory/memory-store.js';
import { manualTimers } from '../waiting/manual-timers.js';
const turn = () => new Promise((done) => setImmediate(done));
function allowed(decision) {
    if (!decision.allowed)
        throw new Error(`refused: ${decision.refusal.reason}`);
    return decision.permit;
}
/** A store whose answers take a while, like one on another machine. */
function remote() {
    const store = memoryStore();
    return {
        take: async (charges) => store.take(charges),
        peek: async (charges) => store.peek(charges),
        settle: async (settlements) => store.settle(settlements),
        reset: async (scope, key) => store.reset(scope, key),
        close: async () => store.close(),
    };
}
describe.each([
    ['in this process', () => memoryStore()],
    ['elsewhere', remote],
])('waiting for a slot, with a store %s', (_where, store) => {
    const limiterOf = (...rules) => createLimiter({ rules, store: store() });
    it('first come, first served', async () => {
        const limiter = limiterOf({ concurrent: 1, wait: '10s' });
        const holder = allowed(await limiter.admit('a'));
        const order = [];
        const waiting = [1, 2, 3].map(async (number) => {
            const permit = allowed(await limiter.admit('a'));
            order.push(number);
            await turn();
            await permit.release();
        });
        await turn();
        expect(order).toEqual([]);
        await holder.release();
        await Promise.all(waiting);
        expect(order).toEqual([1, 2, 3]);
        expect((await limiter.peek('a')).allowed).toBe(true);
    });
    it('nobody passes those who wait, and another key waits for nobody', async () => {
        const limiter = limiterOf({
            concurrent: 2,
            cost: (name) => (name === 'two' ? 2 : 1),
            by: 'everyone',
            wait: '10s',
        });
        const holder = allowed(await limiter.admit('one'));
        const order = [];
        const two = Promise.resolve(limiter.admit('two')).then((decision) => {
            order.push('two');
            return allowed(decision);
        });
        await turn();
        const one = Promise.resolve(limiter.admit('one')).then((decision) => {
            order.push('one');
            return allowed(decision);
        });
        await turn();
        expect(order).toEqual([]);
        await holder.release();
        await (await two).release();
        await (await one).release();
        expect(order).toEqual(['two', 'one']);
    });
    it('who waited as long as it may is refused as busy, with a moment to come back', async () => {
        const limiter = limiterOf({ concurrent: 1, wait: 20, lease: '60s' });
        const holder = allowed(await limiter.admit('a'));
        const decision = await limiter.admit('a');
        expect(decision).toMatchObject({ allowed: false, refusal: { reason: 'busy', violated: ['concurrent'] } });
        if (!decision.allowed)
            expect(decision.refusal.retryAfter).toBeGreaterThanOrEqual(1_000);
        await holder.release();
        expect((await limiter.admit('a')).allowed).toBe(true);
    });
    it('where too many wait already one is refused at once', async () => {
        const limiter = limiterOf({ concurrent: 1, wait: '10s', queue: 2 });
        const holder = allowed(await limiter.admit('a'));
        const waiting = [limiter.admit('a'), limiter.admit('a')];
        await turn();
        expect(await limiter.admit('a')).toMatchObject({ allowed: false, refusal: { reason: 'busy' } });
        await holder.release();
        for (const each of waiting)
            await allowed(await each).release();
    });
    it('who hangs up leaves the line, and holds nothing', async () => {
        const limiter = limiterOf({ concurrent: 1, wait: '10s' });
        const holder = allowed(await limiter.admit('a'));
        const caller = new AbortController();
        const gone = limiter.admit('a', { signal: caller.signal });
        const next = limiter.admit('a');
        await turn();
        caller.abort(new Error('hung up'));
        await expect(gone).rejects.toThrow('hung up');
        await holder.release();
        await allowed(await next).release();
        expect((await limiter.peek('a')).allowed).toBe(true);
    });
    it('another limit that is exceeded refuses at once: it is not waited for', async () => {
        const limiter = limiterOf({ concurrent: 1, wait: '10s' }, { limit: '1/hour' });
        const holder = allowed(await limiter.admit('a'));
        expect(await limiter.admit('a')).toMatchObject({ allowed: false, refusal: { reason: 'exceeded' } });
        await holder.release();
    });
    it('what never fits does not wait', async () => {
        const limiter = limiterOf({ concurrent: 1, cost: 2, wait: '10s' });
        expect(await limiter.admit('a')).toMatchObject({ allowed: false, refusal: { reason: 'oversized' } });
    });
    it('a thousand requests through four slots: never more in flight, all served, nothing left', async () => {
        const limiter = limiterOf({ concurrent: 4, wait: '60s', queue: 1_000 });
        let running = 0;
        let most = 0;
        await Promise.all(Array.from({ length: 1_000 }, async () => {
            const permit = allowed(await limiter.admit('a'));
            most = Math.max(most, ++running);
            await turn();
            running--;
            await permit.release();
        }));
        expect(most).toBe(4);
        expect((await limiter.peek('a')).quotas[0]?.remaining).toBe(3);
    });
});
describe('a slot that another limiter on the same store frees', () => {
    it('is found by looking', async () => {
        const store = memoryStore();
        const rules = [{ concurrent: 1, wait: '10s' }];
        const here = createLimiter({ rules, store, name: 'shared' });
        const there = createLimiter({ rules, store, name: 'shared' });
        const holder = allowed(await there.admit('a'));
        const waiting = here.admit('a');
        await turn();
        await holder.release();
        await allowed(await waiting).release();
    });
});
describe('an answer to one who has waited, while the store takes its time', () => {
    it('ends no line that began meanwhile', async () => {
        const store = remote();
        const timers = manualTimers();
        let answer = () => { };
        const answered = new Promise((resolve) => {
            answer = resolve;
        });
        const slow = { ...store, peek: (charges) => answered.then(() => store.peek(charges)) };
        const limiter = createLimiter({
            rules: [{ concurrent: 1, wait: '10s', queue: 1 }],
            store: slow,
            timers: { ...systemTimers, ...timers },
        });
        const holder = allowed(await limiter.admit('a'));
        const late = limiter.admit('a');
        await turn();
        timers.pass(10_000);
        const caller = new AbortController();
        const gone = limiter.admit('a', { signal: caller.signal });
        await turn();
        caller.abort(new Error('hung up'));
        await expect(gone).rejects.toThrow('hung up');
        const waiting = limiter.admit('a');
        await turn();
        answer();
        expect(await late).toMatchObject({ allowed: false, refusal: { reason: 'busy' } });
        // There is one place, and it is taken.
        expect(await limiter.admit('a')).toMatchObject({ allowed: false, refusal: { reason: 'busy' } });
        await holder.release();
        await allowed(await waiting).release();
    });
});
describe('options of waiting', () => {
    it.each([
        [{ concurrent: 1, queue: 5 }, "'queue' goes with 'wait'"],
        [{ concurrent: 1, wait: 'soon' }, 'soon'],
        [{ concurrent: 1, wait: '30 days' }, '24 days'],
        [{ concurrent: 1, wait: '1s', queue: 0 }, "'queue'"],
        [{ concurrent: 1, wait: '1s', enforce: false }, 'shadow'],
        [{ limit: '1/minute', wait: '1s' }, "no 'wait'"],
    ])('%j is told', (rule, said) => {
        expect(() => createLimiter({ rules: [rule] })).toThrow(said);
    });
});
