import {
  type Charge,
  createLimiter,
  type Decision,
  type Forecast,
  type Limit,
  type Limiter,
  type MaybePromise,
  type MemoryStore,
  memoryStore,
  type Permit,
  parseLimits,
  type Refusal,
  type Rule,
  type Store,
  type StoreVerdict,
} from 'sluice'
import { expectTypeOf } from 'vitest'

/** Compiled by `npm run types`: valid uses must compile, and invalid ones must not. */

interface Call {
  readonly user: string
  readonly rows: readonly number[]
}

// A limiter of plain keys, and one of requests.
const plain = createLimiter({ rules: [{ limit: '10/minute' }] })
expectTypeOf(plain).toEqualTypeOf<Limiter<string>>()
expectTypeOf(plain.admit).parameter(0).toEqualTypeOf<string>()
expectTypeOf(plain.admit('a')).toEqualTypeOf<MaybePromise<Decision>>()
expectTypeOf(plain.peek('a')).toEqualTypeOf<MaybePromise<Forecast>>()
expectTypeOf(plain.reset('a')).toEqualTypeOf<MaybePromise<void>>()
// @ts-expect-error a key is a string
plain.admit(42)

const typed = createLimiter<Call>({
  rules: [
    { limit: '10/minute', by: ({ user }) => user, cost: ({ rows }) => rows.length },
    { limit: (call) => `${call.rows.length}/minute`, by: ['everyone', ({ user }) => user] },
    { limit: { algorithm: 'token-bucket', limit: 10, period: 60_000, burst: 20 }, by: 'everyone' },
    { concurrent: ({ rows }) => rows.length, by: 'everyone', lease: '2m', wait: 2000, queue: 5 },
  ],
})
expectTypeOf(typed.admit).parameter(0).toEqualTypeOf<Call>()
// @ts-expect-error this request has no rows
typed.admit({ user: 'a' })

// The properties of a decision depend on 'allowed'.
declare const decision: Decision
// @ts-expect-error the decision may be a refusal
decision.permit
// @ts-expect-error the decision may be allowed
decision.refusal
if (decision.allowed) {
  expectTypeOf(decision.permit).toEqualTypeOf<Permit>()
  // @ts-expect-error an allowed decision has no refusal
  decision.refusal
} else {
  expectTypeOf(decision.refusal).toEqualTypeOf<Refusal>()
  expectTypeOf(decision.refusal.reason).toEqualTypeOf<'exceeded' | 'oversized' | 'busy'>()
  // @ts-expect-error a refused decision has no permit
  decision.permit
}
// @ts-expect-error a decision is read-only
decision.allowed = true
declare const forecast: Forecast
// @ts-expect-error a forecast charges nothing and has no permit
forecast.permit

// Permits.
declare const permit: Permit
permit.settle({ tokens: 812, input_tokens: 5, gpu_seconds: 1 })
// @ts-expect-error a cost is a number
permit.settle({ tokens: '812' })
expectTypeOf(permit).toExtend<Disposable & AsyncDisposable>()
// @ts-expect-error 'holdsSlots' is read-only
permit.holdsSlots = true

// Incomplete and invalid rules.
// @ts-expect-error a rule requires a limit
createLimiter({ rules: [{ by: 'everyone' }] })
// @ts-expect-error an unknown option
createLimiter({ rules: [{ limit: '1/s', cots: 2 }] })
// @ts-expect-error a cost is a number or a function that returns one
createLimiter({ rules: [{ limit: '1/s', cost: '2' }] })
// @ts-expect-error 'by' is the name of a key or a function
createLimiter({ rules: [{ limit: '1/s', by: 'address' }] })
// @ts-expect-error an unknown algorithm
createLimiter({ rules: [{ limit: '1/s', algorithm: 'leaky-bucket' }] })
// @ts-expect-error a limiter requires rules
createLimiter({})
// @ts-expect-error an unknown option of a limiter
createLimiter({ rules: [], rates: [] })
createLimiter({ rules: [{ limit: '1/s', by: 'header:x-tenant' }] })

// Usage changes by request or key.
expectTypeOf(createLimiter('1/s').charge('user-42', 5)).toEqualTypeOf<Promise<void>>()
expectTypeOf(createLimiter('1/s').refund('user-42', 5, { rule: 'requests' })).toEqualTypeOf<Promise<void>>()
// @ts-expect-error a charge has a cost
createLimiter('1/s').charge('user-42')
// @ts-expect-error the limiter takes no such requests
createLimiter('1/s').charge({ user: 'user-42' }, 5)

// Limits have exactly the properties of their algorithm.
expectTypeOf(parseLimits('10/minute; 4/s')).toEqualTypeOf<Limit[]>()
const bucket: Limit = { algorithm: 'token-bucket', limit: 10, period: 60_000, burst: 20 }
// @ts-expect-error a limit is read-only
bucket.limit = 20
// @ts-expect-error a token bucket requires a burst
const withoutBurst: Limit = { algorithm: 'token-bucket', limit: 10, period: 60_000 }
// @ts-expect-error a sliding log has no burst
const withBurst: Limit = { algorithm: 'sliding-log', limit: 10, period: 60_000, burst: 20 }
// @ts-expect-error a concurrency limit has a lease and no period
const withPeriod: Limit = { algorithm: 'concurrency', limit: 4, period: 60_000 }
expectTypeOf([withoutBurst, withBurst, withPeriod]).toExtend<Limit[]>()

// The memory store is synchronous; a custom store may be asynchronous.
const memory = memoryStore({ maxKeys: 10 })
expectTypeOf(memory).toEqualTypeOf<MemoryStore>()
expectTypeOf(memory).toExtend<Store>()
expectTypeOf(memory.take).returns.toEqualTypeOf<StoreVerdict[]>()
const slow = {
  take: async (_charges: readonly Charge[]): Promise<StoreVerdict[]> => [],
  peek: () => [],
  settle: () => {},
  reset: async () => {},
  close: () => {},
}
createLimiter({ rules: [], store: slow })
// @ts-expect-error a store requires 'settle'
createLimiter({ rules: [], store: { take: () => [], peek: () => [], reset: () => {}, close: () => {} } })

// Rules can be stored and passed on.
const rules: readonly Rule<Call>[] = [{ limit: '1/s', by: ({ user }) => user }]
createLimiter({ rules })
