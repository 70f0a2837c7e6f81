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

/** How a function answers: at once, with a promise, or with a thenable of another library. */
type Answering = <T>(answer: T) => T

const ANSWERING: readonly (readonly [how: string, answering: Answering])[] = [
  ['at once', (answer) => answer],
  ['with a promise', <T>(answer: T) => Promise.resolve(answer) as T],
  ['with a thenable', <T>(answer: T) => thenable(answer) as T],
]

function thenable<T>(answer: T): unknown {
  // biome-ignore lint/suspicious/noThenProperty: it is what such libraries return
  return { then: (resolve: (answer: T) => void) => resolve(answer) }
}

function optionsOf(limit: Answering, cost: Answering, by: Answering): LimiterOptions<Call> {
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

describe('functions of rules', () => {
  it('decide the same whether they answer at once or later', async () => {
    const how = fc.constantFrom(...ANSWERING.map(([, answering]) => answering))
    await fc.assert(
      fc.asyncProperty(how, how, how, fc.array(call, { maxLength: 20 }), async (limit, cost, by, calls) => {
        const atOnce: Answering = (answer) => answer
        const [expected, actual] = [optionsOf(atOnce, atOnce, atOnce), optionsOf(limit, cost, by)].map(
          (options) => createLimiter({ ...options, store: memoryStore({ clock: manualClock(1e9) }) }),
        )
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

  it('are each asked once a decision, in the order of the rules', async () => {
    const asked: string[] = []
    const later = async <T>(what: string, answer: T) => {
      asked.push(what)
      return answer
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
    expect(asked).toEqual(['limit 1', 'cost 1', 'key', 'cost 2'])
  })

  it.each(ANSWERING)('of who may make a request and who its client is answer %s', async (_how, answering) => {
    const limiter = createLimiter<Call>({
      rules: [{ limit: '1/hour' }],
      client: ({ user }) => answering(user),
      require: (_call, client) => answering(client?.id === 'a'),
    })
    const admit = async (user: string) => (await limiter.admit({ user, cost: 1, limit: 1 })).allowed
    expect([await admit('a'), await admit('a')]).toEqual([true, false])
    await expect(admit('b')).rejects.toMatchObject({ name: 'ForbiddenError', status: 403 })
    await expect(async () => limiter.peek({ user: 'b', cost: 1, limit: 1 })).rejects.toMatchObject({
      status: 403,
    })
  })

  it('that resolve to what is not true forbid a request', async () => {
    for (const answer of [false, undefined, 1, 'true']) {
      const limiter = createLimiter<Call>({
        rules: [],
        require: async () => answer as boolean,
      })
      await expect(limiter.admit({ user: 'a', cost: 1, limit: 1 })).rejects.toMatchObject({ status: 403 })
    }
  })

  it('of a shadow rule that reject leave it out, and those of another rule reject the decision', async () => {
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

  it('that answer later have a request wait for its slot all the same', async () => {
    const limiter = createLimiter<Call>({
      rules: [{ concurrent: async () => 1, by: async () => 'a', cost: async () => 1, wait: '20s' }],
    })
    const call = { user: 'a', cost: 1, limit: 1 }
    const first = await limiter.admit(call)
    const second = limiter.admit(call)
    if (first.allowed) await first.permit.release()
    expect((await second).allowed).toBe(true)
  })

  it('of a fallback cost are asked for nothing where the cost fails otherwise', async () => {
    const cost = () => Promise.reject(new RequestError('no body'))
    const limiter = createLimiter<Call>({
      rules: [{ limit: '5/hour', cost, fallbackCost: 4, by: 'everyone' }],
    })
    const decision = await limiter.admit({ user: 'a', cost: 1, limit: 1 })
    expect(decision.quotas[0]?.remaining).toBe(1)
  })
})
