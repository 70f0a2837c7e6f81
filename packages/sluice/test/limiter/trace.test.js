import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { manualClock } from '../../src/clock.js';
import { createLimiter } from '../../src/limiter.js';
import { memoryStore } from '../../src/stores/memory/memory-store.js';
import { expectVerdict, expectWhole } from '../model/expectations.js';
import { KeyModel } from '../model/key-model.js';
const KEYS = ['a', 'b', 'c'];
/** The place of the rule of what is in flight. */
const SLOTS = 2;
const LEASE = 2000;
const few = (max) => fc.integer({ min: 1, max });
// Of these any divided by any other is exact.
const period = fc.constantFrom(500, 1000, 2000, 4000);
const rateLimit = fc.oneof(fc.record({ algorithm: fc.constant('token-bucket'), limit: few(8), period, burst: few(12) }), fc.record({ algorithm: fc.constant('fixed-window'), limit: few(8), period }), fc.record({ algorithm: fc.constant('sliding-window'), limit: few(8), period }), fc.record({ algorithm: fc.constant('sliding-log'), limit: few(8), period }));
const ask = fc.record({
    does: fc.constant('ask'),
    ask: fc.record({ key: fc.constantFrom(...KEYS), cost: fc.oneof(fc.constant(1), fc.nat(9)) }),
});
const wait = fc.record({
    does: fc.constant('wait'),
    milliseconds: fc.oneof(period, fc.nat(300), fc.nat(5000), fc.integer({ min: -6000, max: -1 }), fc.nat(1e9)),
});
const change = fc.oneof(fc.record({ does: fc.constant('change'), rule: fc.nat(1), limit: rateLimit }), fc.record({ does: fc.constant('change slots'), slots: few(6) }));
const release = fc.record({ does: fc.constant('release'), which: fc.nat(5) });
const step = fc.oneof({ arbitrary: ask, weight: 6 }, { arbitrary: wait, weight: 2 }, change, release);
/** A limiter of two rates and of slots, beside the models of its keys. */
class Trace {
    #clock = manualClock(1e6);
    #limits;
    #limiter;
    #models;
    #held = [];
    #requests = 0;
    constructor(one, other, slots) {
        this.#limits = [one, other, slotsOf(slots)];
        const rules = [
            { name: '0', limit: () => this.#limits[0] },
            { name: '1', limit: () => this.#limits[1] },
            { name: '2', concurrent: () => this.#limits[SLOTS].limit, lease: LEASE },
        ];
        this.#limiter = createLimiter({
            rules: rules.map((rule) => ({ ...rule, by: ({ key }) => key, cost: ({ cost }) => cost })),
            store: memoryStore({ clock: this.#clock }),
        });
        this.#models = new Map(KEYS.map((key) => [key, this.#limits.map((limit) => new KeyModel(limit, this.#clock.now()))]));
    }
    async step(next) {
        switch (next.does) {
            case 'ask':
                return this.#ask(next.ask);
            case 'wait':
                this.#clock.advance(next.milliseconds);
                // A clock that goes to and fro is seen by every key at each of its moments.
                for (const key of KEYS) {
                    this.#modelsNow(key);
                    await this.#limiter.peek({ key, cost: 1 });
                }
                return;
            case 'change':
                this.#limits[next.rule] = next.limit;
                return;
            case 'change slots':
                this.#limits[SLOTS] = slotsOf(next.slots);
                return;
            case 'release':
                return this.#release(next.which);
        }
    }
    #modelsNow(key) {
        const models = this.#models.get(key) ?? [];
        models.forEach((model, rule) => {
            model.moveTo(this.#clock.now(), this.#limits[rule]);
        });
        return models;
    }
    async #ask({ key, cost }) {
        const models = this.#modelsNow(key);
        const decision = await this.#limiter.admit({ key, cost });
        models.forEach((model, rule) => {
            expectVerdict(decision.quotas[rule], { limit: this.#limits[rule], cost }, model);
        });
        expect(decision.allowed).toBe(decision.quotas.every(({ allowed }) => allowed));
        if (!decision.allowed)
            expectRefusal(decision);
        else if (cost > 0) {
            const lease = String(this.#requests++);
            for (const model of models)
                model.take(cost, lease);
            this.#held.push({ permit: decision.permit, key, lease });
        }
        models.forEach((model, rule) => {
            expectWhole(decision.quotas[rule]?.remaining, Math.max(0, model.left()));
        });
    }
    async #release(which) {
        const [held] = this.#held.splice(which, 1);
        if (held === undefined)
            return;
        // Nothing but the slots hears of it.
        this.#models.get(held.key)?.[SLOTS]?.release(held.lease);
        await held.permit.release();
    }
}
function slotsOf(slots) {
    return { algorithm: 'concurrency', limit: slots, lease: LEASE };
}
/** A refusal names the rule that refuses for longest, and all that refuse. */
function expectRefusal({ quotas, refusal }) {
    const refusing = quotas.filter(({ allowed }) => !allowed);
    expect(refusal.violated).toEqual(refusing.map(({ rule }) => rule));
    expect(refusal.retryAfter).toBe(Math.max(...refusing.map(({ retryAfter }) => retryAfter)));
    expect(refusing.find(({ rule }) => rule === refusal.rule)?.retryAfter).toBe(refusal.retryAfter);
}
describe('a random trace of requests, clock steps, changes and releases', () => {
    it('is decided as slow models decide it, by every rule or none, and so at the moments that refusals name', () => fc.assert(fc.asyncProperty(rateLimit, rateLimit, few(6), fc.array(step, { minLength: 20, maxLength: 80 }), async (one, other, slots, steps) => {
        const trace = new Trace(one, other, slots);
        for (const next of steps)
            await trace.step(next);
    }), { seed: 20261126, numRuns: 1000 }));
});
