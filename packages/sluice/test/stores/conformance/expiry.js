import { describe, expect, it } from 'vitest';
import { ALL, bucket, charge, fill, look, P, settlement, take, takeCharge } from './harness.js';
/** When a store may forget, and when it has to. */
export function expiryCases(suite) {
    describe.each(ALL)('%s: expiry', (_algorithm, limitOf) => {
        it('state never expires before it is fully refilled', () => suite.with(async ({ store, advance }) => {
            const limit = limitOf();
            await fill(store, limit);
            const { resetAfter } = await look(store, limit);
            expect(resetAfter).toBeGreaterThan(P - 1 - suite.kind.slack);
            await advance(Math.max(0, resetAfter - 1 - 2 * suite.kind.slack));
            const before = await look(store, limit);
            expect(before.resetAfter).toBeGreaterThan(0);
        }));
        it('and always expires soon after', () => suite.with(async ({ store, advance, keys }) => {
            const limit = limitOf();
            for (let key = 0; key < 10; key++)
                await take(store, limit, 4, `key ${key}`);
            if (keys !== undefined)
                expect(await keys()).toBe(10);
            const { resetAfter } = await look(store, limit, 'key 9');
            await advance(Math.ceil(resetAfter) + 100);
            for (let call = 0; call < 20; call++)
                await take(store, limit, 0, 'somebody else');
            if (keys !== undefined)
                expect(await keys()).toBe(0);
            expect(await look(store, limit, 'key 3')).toMatchObject({ remaining: 4, resetAfter: 0 });
        }));
        it('a key in use does not expire, however often it was put off', () => suite.with(async ({ store, advance }) => {
            const limit = limitOf();
            for (let step = 0; step < 6; step++) {
                await take(store, limit, 1);
                await advance((await look(store, limit)).resetAfter / 2);
                await take(store, limit, 1, 'somebody else');
                const { remaining, resetAfter } = await look(store, limit);
                expect(remaining).toBeLessThan(4);
                expect(resetAfter).toBeGreaterThan(0);
            }
        }));
        it('a reset forgets one key at once and no other', () => suite.with(async ({ store }) => {
            const limit = limitOf();
            await fill(store, limit, 'a');
            await fill(store, limit, 'b');
            await store.reset('scope', 'a');
            await store.reset('scope', 'never seen');
            await store.reset('another scope', 'b');
            expect(await fill(store, limit, 'a')).toBe(4);
            expect(await fill(store, limit, 'b')).toBe(0);
        }));
    });
    it('what is settled after its key expired brings nothing back and keeps nothing for ever', () => suite.with(async ({ store, advance, keys }) => {
        for (const [, limitOf] of ALL) {
            const limit = limitOf();
            const one = charge(limit, 2, `of ${limit.algorithm}`);
            const verdict = await takeCharge(store, one);
            await advance(3 * P);
            for (let call = 0; call < 5; call++)
                await take(store, bucket(), 0, 'somebody else');
            await store.settle([settlement(one, verdict, 0)]);
            expect(await look(store, limit, one.key)).toMatchObject({ remaining: 4, resetAfter: 0 });
        }
        for (let call = 0; call < 5; call++)
            await take(store, bucket(), 0, 'somebody else');
        if (keys !== undefined)
            expect(await keys()).toBe(0);
    }));
    it('debt does not expire before it is paid', () => suite.with(async ({ store, advance }) => {
        const limit = bucket();
        const one = charge(limit, 1);
        await store.settle([settlement(one, await takeCharge(store, one), 8)]);
        await advance(P - 100);
        await take(store, limit, 1, 'somebody else');
        expect((await take(store, limit)).allowed).toBe(false);
        await advance(P / 4 + 200);
        expect((await take(store, limit)).allowed).toBe(true);
    }));
}
