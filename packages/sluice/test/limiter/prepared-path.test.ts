import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Decision } from '../../src/limiter/decision.js'
import { createLimiter, type Limiter } from '../../src/limiter/limiter.js'
import type { Permit } from '../../src/limiter/permit.js'
import type { Limit } from '../../src/limits/limit.js'
import type { Rule } from '../../src/rules/rule.js'
import { memoryStore } from '../../src/stores/memory/memory-store.js'
import type { Store } from '../../src/stores/store.js'
import { manualClock } from '../../src/time/clock.js'
import { countingStore } from './counting-store.js'

interface TestRequest {
  readonly key: string
  readonly tier: string | undefined
  readonly cost: number
}

/** Creates a store without prepared charges, so that every decision takes the general path. */
function generalStore(options: Parameters<typeof memoryStore>[0]): Store {
  const store = memoryStore(options)
  return {
    take: (charges) => store.take(charges),
    peek: (charges) => store.peek(charges),
    settle: (settlements) => store.settle(settlements),
    reset: (scope, key) => store.reset(scope, key),
    close: () => store.close(),
  }
}

type OptionsOf<Source> = Source extends fc.Arbitrary<infer Value> ? Value : never

const few = (max: number) => fc.integer({ min: 1, max })
const period = fc.constantFrom(500, 2000, 60_000)
const rateLimit: fc.Arbitrary<Limit> = fc.oneof(
  fc.record({ algorithm: fc.constant('token-bucket' as const), limit: few(8), period, burst: few(12) }),
  fc.record({ algorithm: fc.constant('fixed-window' as const), limit: few(8), period }),
  fc.constant({ algorithm: 'fixed-window', limit: 5, period: 3_600_000, align: 'calendar' } as const),
  fc.record({ algorithm: fc.constant('sliding-window' as const), limit: few(8), period }),
  fc.record({ algorithm: fc.constant('sliding-log' as const), limit: few(8), period }),
)

/** Properties of a rule. */
const ruleSpec = fc.record({
  limit: rateLimit,
  other: rateLimit,
  slots: fc.option(few(6)),
  hasLimitFunction: fc.boolean(),
  hasCostFunction: fc.boolean(),
  cost: few(3),
  enforce: fc.constantFrom(true, true, true, false),
  by: fc.constantFrom(
    'own' as const,
    'own' as const,
    'everyone' as const,
    'client' as const,
    'team' as const,
  ),
  tiers: fc.constantFrom({}, { pro: 2 }, { pro: 'unlimited' as const }),
  hasCondition: fc.constantFrom(false, false, true),
})

const options = fc.record({
  rules: fc.array(ruleSpec, { minLength: 1, maxLength: 4 }),
  hasListener: fc.boolean(),
  hasWarmUp: fc.boolean(),
  hasClients: fc.boolean(),
  isAsynchronous: fc.constantFrom(false, false, false, true),
  maxKeys: fc.constantFrom(2, 7, 100, 100),
})

const request = fc.record({
  key: fc.constantFrom('a', 'b', 'c'),
  tier: fc.constantFrom(undefined, 'pro', 'free'),
  cost: fc.constantFrom(1, 1, 1, 0, 2, 9),
})
const step = fc.oneof(
  { arbitrary: fc.record({ does: fc.constant('admit' as const), request }), weight: 8 },
  fc.record({ does: fc.constantFrom('peek' as const, 'reset' as const), request }),
  fc.record({ does: fc.constant('reset one' as const), request, which: fc.nat(3) }),
  fc.record({
    does: fc.constant('wait' as const),
    milliseconds: fc.oneof(fc.nat(400), fc.nat(9000), fc.nat(4_000_000), fc.integer({ min: -2000, max: -1 })),
  }),
  fc.record({ does: fc.constant('settle' as const), which: fc.nat(5), cost: fc.nat(6) }),
  fc.record({
    does: fc.constantFrom('release' as const, 'renew' as const, 'cancel' as const),
    which: fc.nat(5),
  }),
  fc.record({ does: fc.constant('warm' as const), scale: fc.constantFrom(0.25, 0.5, 1) }),
  fc.record({ does: fc.constant('change' as const) }),
)

/** Creates a limiter with the features that the options select. */
function limiterOf(
  { rules, hasListener, hasWarmUp, hasClients, isAsynchronous }: OptionsOf<typeof options>,
  store: Store,
  state: { scale: number; isChanged: boolean },
): Limiter<TestRequest> {
  const value = <T>(result: T): T | Promise<T> => (isAsynchronous ? Promise.resolve(result) : result)
  const own = ({ key }: TestRequest) => value(key)
  const ruleOf = (spec: OptionsOf<typeof ruleSpec>, index: number): Rule<TestRequest> => {
    const { limit, other, slots, hasLimitFunction, hasCostFunction, cost, enforce, tiers } = spec
    const named = { client: 'client', team: 'client.team', everyone: 'everyone', own } as const
    const by = spec.by === 'everyone' || hasClients ? named[spec.by] : own
    const when = ({ cost }: TestRequest) => value(cost !== 1)
    const common = { name: `rule ${index}`, by, enforce, tiers, ...(spec.hasCondition && { when }) } as const
    const costs = { cost: hasCostFunction ? (request: TestRequest) => value(request.cost) : cost }
    return slots === null
      ? {
          ...common,
          ...costs,
          limit: hasLimitFunction ? () => value(state.isChanged ? other : limit) : limit,
        }
      : {
          ...common,
          ...costs,
          concurrent: hasLimitFunction ? () => value(state.isChanged ? 3 : slots) : slots,
        }
  }
  return createLimiter<TestRequest>({
    rules: rules.map(ruleOf),
    store,
    name: 'test',
    ...(hasListener && { listener: () => {} }),
    ...(hasClients && {
      client: ({ key, tier }) =>
        value(tier === undefined ? { id: key } : { id: key, tier, labels: { team: tier } }),
    }),
    ...(hasWarmUp && {
      warmUp: {
        get scale() {
          return state.scale
        },
        until: (scale: number) => (scale <= state.scale ? 0 : 1000 * scale),
      },
    }),
  })
}

/** Reads every property of a decision. */
function contentOf(decision: Decision) {
  const { allowed, quotas, degraded } = decision
  return { allowed, quotas, degraded, refusal: allowed ? undefined : decision.refusal }
}

describe('a limiter with any features on a memory store', () => {
  it('decides on prepared charges as it does on the general path, no matter when a decision is read', async () => {
    const trace = fc.record({
      options,
      steps: fc.array(step, { minLength: 20, maxLength: 80 }),
      // The number of decisions made before an earlier one is read.
      delay: fc.nat(4),
    })
    await fc.assert(
      fc.asyncProperty(trace, async ({ options, steps, delay }) => {
        const clock = manualClock(Date.UTC(2026, 10, 24, 12))
        const state = { scale: 0.5, isChanged: false }
        const stores = [memoryStore, generalStore].map((create) =>
          create({ clock, maxKeys: options.maxKeys }),
        )
        const [prepared, general] = stores.map((store) => limiterOf(options, store, state)) as [
          Limiter<TestRequest>,
          Limiter<TestRequest>,
        ]
        const decided: [Decision, ReturnType<typeof contentOf>][] = []
        const held: (readonly [Permit, Permit])[] = []
        const compareOldest = () => {
          const [decision, expected] = decided.shift() as (typeof decided)[0]
          expect(contentOf(decision)).toEqual(expected)
        }
        for (const next of steps) {
          if (next.does === 'wait') clock.advance(next.milliseconds)
          else if (next.does === 'warm') state.scale = next.scale
          else if (next.does === 'change') state.isChanged = !state.isChanged
          else if (next.does === 'reset')
            for (const each of [prepared, general]) await each.reset(next.request)
          else if (next.does === 'reset one') {
            // The other rules of the key keep their state.
            const scope = prepared.rules[next.which]?.scope
            if (scope !== undefined) for (const store of stores) store.reset(scope, next.request.key)
          } else if (next.does === 'peek')
            expect(await prepared.peek(next.request)).toEqual(await general.peek(next.request))
          else if (next.does === 'admit') {
            const [one, other] = [await prepared.admit(next.request), await general.admit(next.request)]
            expect(one.allowed).toBe(other.allowed)
            decided.push([one, contentOf(other)])
            if (one.allowed && other.allowed) held.push([one.permit, other.permit])
          } else if (next.does === 'settle') {
            for (const permits of held.slice(next.which, next.which + 1))
              for (const permit of permits)
                if (permit.resources.includes('requests')) await permit.settle({ requests: next.cost })
          } else if (next.does === 'release' || next.does === 'renew' || next.does === 'cancel') {
            const { does } = next
            const pairs =
              does === 'renew' ? held.slice(next.which, next.which + 1) : held.splice(next.which, 1)
            for (const permits of pairs) for (const permit of permits) await permit[does]()
          }
          if (decided.length > delay) compareOldest()
        }
        while (decided.length > 0) compareOldest()
      }),
      { seed: 20261202, numRuns: 600 },
    )
  }, 120_000)

  it('decides on prepared charges with labels and conditions', () => {
    const { store, counts } = countingStore()
    const limiter = createLimiter<TestRequest>({
      store,
      rules: [
        { limit: '100/minute', by: 'client.team' },
        { limit: '50/minute; 500/hour', by: 'client', when: ({ cost }) => cost > 1 },
      ],
      client: ({ key }) => ({ id: key, labels: { team: 'red' } }),
    })
    for (const cost of [1, 2, 1]) limiter.admit({ key: 'a', tier: undefined, cost })
    expect(counts).toMatchObject({ prepared: 3, general: 0 })
  })

  it('decides on prepared charges with identity, tiers, a warm-up, a listener, a shadow rule and slots', async () => {
    const { store, counts } = countingStore()
    const limiter = createLimiter<TestRequest>({
      store,
      rules: [
        { limit: '100/minute', by: 'client' },
        { limit: '50/minute', of: 'tokens', cost: ({ cost }) => cost, algorithm: 'fixed-window' },
        { limit: '5/minute', name: 'trial', enforce: false, by: 'everyone' },
        { concurrent: 4, wait: '1s' },
      ],
      client: ({ key, tier }) => (tier === undefined ? { id: key } : { id: key, tier }),
      tiers: { pro: 2 },
      warmUp: { scale: 1, until: () => 0 },
      listener: () => {},
    })
    for (let count = 0; count < 4; count++) {
      const decision = await limiter.admit({ key: 'a', tier: count % 2 === 0 ? 'pro' : undefined, cost: 1 })
      if (decision.allowed) decision.permit.release()
    }
    expect(counts).toMatchObject({ prepared: 4, general: 0 })
  })
})

describe('a prepared decision', () => {
  it('calls the key function once and creates one permit', () => {
    const requests: string[] = []
    const by = (request: string) => {
      requests.push(request)
      return request
    }
    const rules = ['4/second', '9/minute', '20/hour'].map((limit, index) => ({ name: `${index}`, limit, by }))
    const limiter = createLimiter({ rules, store: memoryStore({ clock: manualClock() }) })
    const decision = limiter.admit('a') as Extract<Decision, { readonly allowed: true }>
    expect(requests).toEqual(['a'])
    expect(decision.permit).toBe(decision.permit)
    expect(decision.quotas).toBe(decision.quotas)
    decision.permit.settle({ requests: 4 })
    decision.permit.settle({ requests: 0 })
    expect((limiter.admit('a') as Decision).allowed).toBe(false)
  })

  it('serializes as JSON without the internals of the limiter', () => {
    for (const rules of [[{ limit: '4/second' }], [{ limit: '4/second' }, { concurrent: 2 }]] as const) {
      const limiter = createLimiter({ rules, store: memoryStore({ clock: manualClock() }) })
      const decision = limiter.admit('a') as Decision
      const { allowed, quotas } = decision
      expect(JSON.parse(JSON.stringify(decision))).toEqual({ allowed, quotas })
      expect(quotas).toHaveLength(rules.length)
    }
  })

  it('is correct for a request whose cost function calls the same limiter', () => {
    const limiter: Limiter<string> = createLimiter<string>({
      rules: [
        { limit: '5/minute', by: (request) => request },
        {
          limit: '100/minute',
          name: 'nested',
          by: (request) => request,
          cost: (request) => (request === 'outer' && (limiter.admit('inner') as Decision).allowed ? 7 : 1),
        },
      ],
      store: memoryStore({ clock: manualClock() }),
    })
    const { quotas } = limiter.admit('outer') as Decision
    expect(quotas.map(({ key, remaining }) => [key, remaining])).toEqual([
      ['outer', 4],
      ['outer', 93],
    ])
    expect((limiter.admit('inner') as Decision).quotas.map(({ remaining }) => remaining)).toEqual([3, 98])
  })

  it('counts all slots in use while a warm-up uses hundreds of limits', async () => {
    const state = { scale: 0.2 }
    const limiter = createLimiter<string>({
      rules: [
        { limit: '20/second', by: (request) => request },
        { concurrent: 50, by: 'everyone' },
      ],
      warmUp: {
        get scale() {
          return state.scale
        },
        until: () => 0,
      },
      store: memoryStore({ clock: manualClock() }),
    })
    let taken = 0
    for (let request = 0; request < 1000; request++) {
      state.scale = 0.2 + request / 2000
      const decision = await limiter.admit(`client ${request}`)
      if (decision.allowed) taken++
    }
    // The limit on slots was 50 × 0.7 at the end.
    expect(taken).toBeLessThanOrEqual(35)
  })

  it('keeps the cost of each request if a fixed cost is replaced by the fallback cost', async () => {
    const state = { windows: false }
    const limiter = createLimiter<string>({
      rules: [
        {
          limit: () => (state.windows ? { algorithm: 'fixed-window', limit: 9, period: 1000 } : '9/second'),
          by: (request) => request,
          cost: 1.5,
          fallbackCost: 4,
        },
      ],
      store: memoryStore({ clock: manualClock() }),
    })
    const first = await limiter.admit('a')
    state.windows = true
    const second = await limiter.admit('b')
    expect([first, second].map(({ quotas }) => quotas[0]?.cost)).toEqual([1.5, 4])
  })
})
