import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { manualClock } from '../../src/clock.js';
import { memoryStore } from '../../src/stores/memory/memory-store.js';
import { IoRedisConnection } from '../../src/stores/redis/clients/ioredis.js';
import { ScriptStore } from '../../src/stores/redis/redis-store.js';
import { settlementOf } from '../../src/stores/store.js';
import { expectVerdict, expectWhole } from '../model/expectations.js';
import { KeyModel } from '../model/key-model.js';
import { storeWithClock } from './memcached/store-with-clock.js';
import { startMemcached } from './servers/memcached.js';
import { startRedis } from './servers/redis.js';
/** The unit of the coarsest clock of a store, in milliseconds: Memcached's states are dated in ticks of 1/1024. */
const UNIT = 1 / 1024;
const KEYS = 3;
/** A rate of a key, and its slots. */
const KINDS = 2;
const few = (max) => fc.integer({ min: 1, max });
// Of these any divided by any other is exact.
const period = fc.constantFrom(500, 1000, 2000, 4000);
const RATES = {
    'token-bucket': fc.record({
        algorithm: fc.constant('token-bucket'),
        limit: few(8),
        period,
        burst: few(12),
    }),
    'fixed-window': fc.record({ algorithm: fc.constant('fixed-window'), limit: few(8), period }),
    'sliding-window': fc.record({ algorithm: fc.constant('sliding-window'), limit: few(8), period }),
    'sliding-log': fc.record({ algorithm: fc.constant('sliding-log'), limit: few(8), period }),
};
const cost = fc.oneof(fc.constant(1), fc.nat(9));
const call = fc.record({
    does: fc.constantFrom('take', 'take', 'take', 'peek'),
    key: fc.nat(KEYS - 1),
    costs: fc.tuple(cost, fc.constantFrom(0, 1, 1, 2)),
});
const wait = fc.record({
    does: fc.constant('wait'),
    milliseconds: fc.oneof(period, fc.nat(300), fc.nat(5000), fc.nat(1e8)),
});
const release = fc.record({ does: fc.constant('release'), which: fc.nat(5) });
const traces = (rate) => {
    const change = fc.record({ does: fc.constant('change'), limit: rate });
    const step = fc.oneof({ arbitrary: call, weight: 6 }, { arbitrary: wait, weight: 3 }, change, release);
    return fc.record({ rate, slots: few(6), steps: fc.array(step, { minLength: 10, maxLength: 50 }) });
};
let redis;
let client;
let memcached;
let played = 0;
beforeAll(async () => {
    redis = await startRedis();
    client = new Redis(redis.port);
    memcached = await startMemcached();
});
afterAll(async () => {
    client?.disconnect();
    await redis?.stop();
    await memcached?.stop();
});
it.each(Object.entries(RATES))('one trace in memory, in the script, on Memcached and in the slow model, of %s and slots', async (_algorithm, rate) => {
    await fc.assert(fc.asyncProperty(traces(rate), play), { seed: 20_261_126, numRuns: 60 });
});
async function play({ rate, slots, steps }) {
    const clock = manualClock(1_000_000);
    const prefix = `trace-${played++}:`;
    const cas = storeWithClock(memcached.port, clock, clock.now, prefix);
    const script = new ScriptStore(new IoRedisConnection(client, false), prefix, clock.now);
    const stores = [memoryStore({ clock }), script, cas];
    const limits = [rate, { algorithm: 'concurrency', limit: slots, lease: 2000 }];
    const models = Array.from({ length: KEYS }, () => limits.map((limit) => new KeyModel(limit, clock.now())));
    const held = [];
    try {
        for (const [number, step] of steps.entries()) {
            if (step.does === 'wait')
                clock.advance(step.milliseconds);
            else if (step.does === 'change')
                limits[0] = step.limit;
            else if (step.does === 'release')
                await giveBack(step.which);
            else
                await ask(step, `call ${number}`);
        }
    }
    finally {
        await cas.close();
    }
    async function ask({ does, key, costs }, lease) {
        const charges = Array.from({ length: KINDS }, (_, kind) => {
            const limit = limits[kind];
            return {
                scope: limit.algorithm === 'concurrency' ? 'slots' : 'rate',
                key: `${key}`,
                limit,
                cost: costs[kind] ?? 0,
                lease,
            };
        });
        const keyModels = models[key] ?? [];
        keyModels.forEach((model, kind) => {
            model.moveTo(clock.now(), limits[kind]);
        });
        const answers = [];
        for (const store of stores)
            answers.push(await store[does](charges));
        const [first = []] = answers;
        for (const answer of answers)
            expectAlike(answer, first);
        charges.forEach((charge, kind) => {
            expectVerdict(first[kind], charge, keyModels[kind], UNIT);
        });
        if (!first.every(({ allowed }) => allowed))
            return;
        if (does === 'take')
            charges.forEach((charge, kind) => {
                const model = keyModels[kind];
                if (charge.cost > 0)
                    model.take(charge.cost, lease);
                if (charge.cost > 0 && kind === 1)
                    held.push({ charge, model, verdicts: answers.map((answer) => answer[kind]) });
                expectWhole(first[kind]?.remaining, Math.max(0, model.left()));
            });
    }
    async function giveBack(which) {
        const [slot] = held.splice(which, 1);
        if (slot === undefined)
            return;
        slot.model.release(slot.charge.lease ?? '');
        for (const [index, store] of stores.entries())
            await store.settle([settlementOf(slot.charge, slot.verdicts[index], 0)]);
    }
}
/** Two stores say the same, times to within one unit of the clock. */
function expectAlike(actual, expected) {
    for (const [index, { allowed, remaining, ...times }] of expected.entries()) {
        const other = actual[index];
        expect({ allowed: other.allowed, remaining: other.remaining }).toEqual({ allowed, remaining });
        for (const time of ['resetAfter', 'retryAfter', 'moreAfter'])
            if (other[time] !== times[time])
                expect(Math.abs(other[time] - times[time])).toBeLessThanOrEqual(UNIT);
    }
}
