import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLimiter } from '../../src/limiter/limiter.js'
import type { LimiterOptions } from '../../src/limiter/limiter-options.js'
import { RequestError } from '../../src/rules/request-error.js'
import { memoryStore } from '../../src/stores/memory/memory-store.js'
import { manualClock } from '../../src/time/clock.js'

interface Call {
  readonly user: string
  readonly cost: number
  readonly limit: number
}

/** Returns a value as it is, in a promise, or in a thenable of another library. */
type Wrap = <T>(value: T) => T

const WRAPPERS: readonly (readonly [kind: string, wrap: Wrap])[] = [
  ['a value', (value) => value],
  ['a promise', <T>(value: T) => Promise.resolve(value) as T],
  ['a thenable', <T>(value: T) => thenable(value) as T],
]

function thenable<T>(value: T): unknown {
  // biome-ignore lint/suspicious/noThenProperty: some libraries return such thenables
  return { then: (resolve: (value: T) => void) => resolve(value) }
}

function optionsOf(limit: Wrap, cost: Wrap, by: Wrap): LimiterOptions<Call> {
  return {
    rules: [
      { name: 'own', limit: (call) => limit(`${call.limit}/hour`), by: (call) => by(call.user) },
      { name: 'cost', limit: '20/hour', cost: (call) => cost(call.cost), by: 'everyone' },
      { name: 'both', limit: '30/hour', by: ['everyone', (call) => by(call.user)] },
      { name: 'slots', concurrent: (call) => limit(call.limit * 3), by: (call) => by(call.user) },
    ],
  }
}

const call = fc.record({
  user: fc.constantFrom('a', 'b'),
  cost: fc.integer({ min: 0, max: 5 }),
  limit: fc.integer({ min: 1, max: 4 }),
})

describe('a limiter with functions in its rules', () => {
  it('makes the same decisions whether the functions return values or promises', async () => {
    const how = fc.constantFrom(...WRAPPERS.map(([, wrap]) => wrap))
    await fc.assert(
      fc.asyncProperty(how, how, how, fc.array(call, { maxLength: 20 }), async (limit, cost, by, calls) => {
        const synchronous: Wrap = (value) => value
        const [expected, actual] = [
          optionsOf(synchronous, synchronous, synchronous),
          optionsOf(limit, cost, by),
        ].map((options) => createLimiter({ ...options, store: memoryStore({ clock: manualClock(1e9) }) }))
        for (const each of calls) {
          const [one, other] = [await expected?.admit(each), await actual?.admit(each)]
          expect([other?.allowed, other?.quotas]).toEqual([one?.allowed, one?.quotas])
          expect((await actual?.peek(each))?.quotas).toEqual((await expected?.peek(each))?.quotas)
        }
        await actual?.reset({ user: 'a', cost: 1, limit: 4 })
        await expected?.reset({ user: 'a', cost: 1, limit: 4 })
        const last = { user: 'a', cost: 1, limit: 4 }
        expect((await actual?.peek(last))?.quotas).toEqual((await expected?.peek(last))?.quotas)
      }),
      { seed: 20261201, numRuns: 200 },
    )
  })

  it('calls each function once per decision, in the order of the rules', async () => {
    const called: string[] = []
    const later = async <T>(name: string, value: T) => {
      called.push(name)
      return value
    }
    const by = () => later('key', 'a')
    const limiter = createLimiter<Call>({
      rules: [
        { limit: () => later('limit 1', '5/hour'), cost: () => later('cost 1', 1), by },
        { limit: '5/hour', cost: () => later('cost 2', 1), by },
        { limit: '5/hour', by },
      ],
    })
    expect((await limiter.admit({ user: 'a', cost: 1, limit: 1 })).quotas).toHaveLength(3)
    expect(called).toEqual(['limit 1', 'cost 1', 'key', 'cost 2'])
  })

  it.each(WRAPPERS)("accepts 'client' and 'require' functions that return %s", async (_how, wrap) => {
    const limiter = createLimiter<Call>({
      rules: [{ limit: '1/hour' }],
      client: ({ user }) => wrap(user),
      require: (_call, client) => wrap(client?.id === 'a'),
    })
    const admit = async (user: string) => (await limiter.admit({ user, cost: 1, limit: 1 })).allowed
    expect([await admit('a'), await admit('a')]).toEqual([true, false])
    await expect(admit('b')).rejects.toMatchObject({ name: 'ForbiddenError', status: 403 })
    await expect(async () => limiter.peek({ user: 'b', cost: 1, limit: 1 })).rejects.toMatchObject({
      status: 403,
    })
  })

  it("forbids a request unless 'require' resolves to true", async () => {
    for (const value of [false, undefined, 1, 'true']) {
      const limiter = createLimiter<Call>({
        rules: [],
        require: async () => value as boolean,
      })
      await expect(limiter.admit({ user: 'a', cost: 1, limit: 1 })).rejects.toMatchObject({ status: 403 })
    }
  })

  it('skips a shadow rule whose function rejects, but rejects the decision if the rule is enforced', async () => {
    const rejects = () => Promise.reject(new Error('on purpose'))
    for (const failing of [{ by: rejects }, { cost: rejects }, { limit: rejects }]) {
      const rule = { limit: '5/hour', by: 'everyone' as const, ...failing }
      const shadow = createLimiter<Call>({
        rules: [
          { ...rule, enforce: false },
          { limit: '1/hour', by: async () => 'a' },
        ],
      })
      const call = { user: 'a', cost: 1, limit: 1 }
      expect((await shadow.admit(call)).quotas).toHaveLength(1)
      expect((await shadow.admit(call)).allowed).toBe(false)
      await expect(createLimiter<Call>({ rules: [rule] }).admit(call)).rejects.toThrow('on purpose')
    }
  })

  it('queues a request for a slot even if the functions of the rule are asynchronous', async () => {
    const limiter = createLimiter<Call>({
      rules: [{ concurrent: async () => 1, by: async () => 'a', cost: async () => 1, wait: '20s' }],
    })
    const call = { user: 'a', cost: 1, limit: 1 }
    const first = await limiter.admit(call)
    const second = limiter.admit(call)
    if (first.allowed) await first.permit.release()
    expect((await second).allowed).toBe(true)
  })

  it('charges the fallback cost if the cost function rejects with a RequestError', async () => {
    const cost = () => Promise.reject(new RequestError('no body'))
    const limiter = createLimiter<Call>({
      rules: [{ limit: '5/hour', cost, fallbackCost: 4, by: 'everyone' }],
    })
    const decision = await limiter.admit({ user: 'a', cost: 1, limit: 1 })
    expect(decision.quotas[0]?.remaining).toBe(1)
  })
})
