import { createLimiter, memoryStore, parseLimits, } from 'sluice';
import { expectTypeOf } from 'vitest';
// A limiter of plain keys, and one of requests.
const plain = createLimiter({ rules: [{ limit: '10/minute' }] });
expectTypeOf(plain).toEqualTypeOf();
expectTypeOf(plain.admit).parameter(0).toEqualTypeOf();
expectTypeOf(plain.admit('a')).toEqualTypeOf();
expectTypeOf(plain.peek('a')).toEqualTypeOf();
expectTypeOf(plain.reset('a')).toEqualTypeOf();
// @ts-expect-error a key is a string
plain.admit(42);
const typed = createLimiter({
    rules: [
        { limit: '10/minute', by: ({ user }) => user, cost: ({ rows }) => rows.length },
        { limit: (call) => `${call.rows.length}/minute`, by: ['everyone', ({ user }) => user] },
        { limit: { algorithm: 'token-bucket', limit: 10, period: 60_000, burst: 20 }, by: 'everyone' },
        { concurrent: ({ rows }) => rows.length, by: 'everyone', lease: '2m', wait: 2000, queue: 5 },
    ],
});
expectTypeOf(typed.admit).parameter(0).toEqualTypeOf();
// @ts-expect-error such a request has no rows
typed.admit({ user: 'a' });
// @ts-expect-error it may have been refused
decision.permit;
// @ts-expect-error it may have been allowed
decision.refusal;
if (decision.allowed) {
    expectTypeOf(decision.permit).toEqualTypeOf();
    // @ts-expect-error an allowed one has no refusal
    decision.refusal;
}
else {
    expectTypeOf(decision.refusal).toEqualTypeOf();
    expectTypeOf(decision.refusal.reason).toEqualTypeOf();
    // @ts-expect-error a refused one has no permit
    decision.permit;
}
// @ts-expect-error what was said is not changed
decision.allowed = true;
// @ts-expect-error a forecast takes nothing, and so gives no permit
forecast.permit;
permit.settle({ tokens: 812, input_tokens: 5, gpu_seconds: 1 });
// @ts-expect-error a cost is a number
permit.settle({ tokens: '812' });
expectTypeOf(permit).toExtend();
// @ts-expect-error whether it holds slots is not for others to say
permit.holdsSlots = true;
// Rules that say nothing, or two things.
// @ts-expect-error a rule has a limit
createLimiter({ rules: [{ by: 'everyone' }] });
// @ts-expect-error a word that is none
createLimiter({ rules: [{ limit: '1/s', cots: 2 }] });
// @ts-expect-error a cost is a number or a function that gives one
createLimiter({ rules: [{ limit: '1/s', cost: '2' }] });
// @ts-expect-error whom it counts for has a name, or is a function
createLimiter({ rules: [{ limit: '1/s', by: 'address' }] });
// @ts-expect-error an algorithm that is none
createLimiter({ rules: [{ limit: '1/s', algorithm: 'leaky-bucket' }] });
// @ts-expect-error a limiter has rules
createLimiter({});
// @ts-expect-error an option that is none
createLimiter({ rules: [], rates: [] });
createLimiter({ rules: [{ limit: '1/s', by: 'header:x-tenant' }] });
// Limits are what their algorithm needs, and no more.
expectTypeOf(parseLimits('10/minute; 4/s')).toEqualTypeOf();
const bucket = { algorithm: 'token-bucket', limit: 10, period: 60_000, burst: 20 };
// @ts-expect-error a limit is not changed
bucket.limit = 20;
// @ts-expect-error a bucket has a burst
const withoutBurst = { algorithm: 'token-bucket', limit: 10, period: 60_000 };
// @ts-expect-error a log has none
const withBurst = { algorithm: 'sliding-log', limit: 10, period: 60_000, burst: 20 };
// @ts-expect-error what is in flight has a lease and no period
const withPeriod = { algorithm: 'concurrency', limit: 4, period: 60_000 };
expectTypeOf([withoutBurst, withBurst, withPeriod]).toExtend();
// The memory store answers at once; a store of one's own may take a while.
const memory = memoryStore({ maxKeys: 10 });
expectTypeOf(memory).toEqualTypeOf();
expectTypeOf(memory).toExtend();
expectTypeOf(memory.take).returns.toEqualTypeOf();
const slow = {
    take: async (_charges) => [],
    peek: () => [],
    settle: () => { },
    reset: async () => { },
    close: () => { },
};
createLimiter({ rules: [], store: slow });
// @ts-expect-error a store can settle
createLimiter({ rules: [], store: { take: () => [], peek: () => [], reset: () => { }, close: () => { } } });
// Rules can be kept and handed on.
const rules = [{ limit: '1/s', by: ({ user }) => user }];
createLimiter({ rules });
