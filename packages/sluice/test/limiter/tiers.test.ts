import { describe, expect, it } from 'vitest'
import { createLimiter, type LimiterOptions } from '../../src/limiter/limiter.js'
import type { Client } from '../../src/rules/client.js'
import type { Rule } from '../../src/rules/rule.js'
import { memoryStore } from '../../src/stores/memory/memory-store.js'
import type { Store } from '../../src/stores/store.js'
import { manualClock } from '../../src/time/clock.js'

const clientOf = (request: Client) => request

function limiterOf(rules: readonly Rule<Client>[], options: Partial<LimiterOptions<Client>> = {}) {
  const clock = manualClock()
  const limiter = createLimiter<Client>({
    rules,
    client: clientOf,
    store: memoryStore({ clock }),
    ...options,
  })
  const admitted = async (client: Client, tries = 1_000) => {
    let count = 0
    for (let each = 0; each < tries; each++) if ((await limiter.admit(client)).allowed) count++
    return count
  }
  return { clock, limiter, admitted }
}

describe('a limiter with tiers', () => {
  const rules: Rule<Client>[] = [{ limit: '20/minute', algorithm: 'fixed-window' }]

  it('multiplies the limits of all rules by the factor of the tier', async () => {
    const { admitted } = limiterOf(rules, { tiers: { free: 1, premium: 5, trial: 0.29 } })
    expect(await admitted({ id: 'a' })).toBe(20)
    expect(await admitted({ id: 'b', tier: 'free' })).toBe(20)
    expect(await admitted({ id: 'c', tier: 'premium' })).toBe(100)
    expect(await admitted({ id: 'd', tier: 'trial' })).toBe(5)
    expect(await admitted({ id: 'e', tier: 'unknown' })).toBe(20)
  })

  it('prefers the tiers of a rule, as a multiplier or a limit, to those of the limiter', async () => {
    const own: Rule<Client>[] = [{ ...rules[0], limit: '20/minute', tiers: { premium: 2, gold: '7/hour' } }]
    const { admitted } = limiterOf(own, { tiers: { premium: 5, free: 3 } })
    expect(await admitted({ id: 'a', tier: 'premium' })).toBe(40)
    expect(await admitted({ id: 'b', tier: 'gold' })).toBe(7)
    expect(await admitted({ id: 'c', tier: 'free' })).toBe(60)
  })

  it('scales concurrency rules, and limits that a function returns', async () => {
    const both: Rule<Client>[] = [{ concurrent: 2 }, { limit: () => '100/minute' }]
    const { admitted } = limiterOf(both, { tiers: { premium: 3 } })
    expect(await admitted({ id: 'a' })).toBe(2)
    expect(await admitted({ id: 'b', tier: 'premium' })).toBe(6)
  })

  it('scales the configured limit for every client, never an already scaled limit', async () => {
    const { admitted } = limiterOf(rules, { tiers: { premium: 5 } })
    for (let user = 0; user < 50; user++) {
      expect(await admitted({ id: `p${user}`, tier: 'premium' }, 101)).toBe(100)
      expect(await admitted({ id: `v${user}` }, 21)).toBe(20)
    }
  })

  it('charges nothing for a tier that is unlimited in all rules, in one rule or by a function', async () => {
    const allKinds: Rule<Client>[] = [
      { limit: '2/minute' },
      { concurrent: 1, wait: '1s' },
      { limit: ({ tier }) => (tier === 'gold' ? 'unlimited' : '2/minute'), of: 'tokens' },
      { limit: async () => '1/second', name: 'later' },
    ]
    const all = limiterOf(allKinds, { tiers: { internal: 'unlimited' } })
    expect(await all.admitted({ id: 'a', tier: 'internal' }, 50)).toBe(50)
    const internal = { id: 'a', tier: 'internal' }
    expect(await all.limiter.admit(internal)).toMatchObject({ allowed: true, quotas: [] })
    expect(await all.limiter.peek(internal)).toEqual({ allowed: true, quotas: [] })
    // The unlimited requests were not charged: without the tier, the client has its full limit.
    expect(await all.limiter.peek({ id: 'a' })).toMatchObject({ allowed: true })

    const own = limiterOf(
      [
        { limit: '2/minute', name: 'short', tiers: { gold: 'unlimited' } },
        { limit: '5/hour', name: 'long' },
        { concurrent: 1, name: 'slots', tiers: { gold: 'unlimited' } },
      ],
      { tiers: { gold: 2 } },
    )
    expect(await own.admitted({ id: 'a', tier: 'gold' }, 50)).toBe(10)
    const { quotas } = await own.limiter.peek({ id: 'b', tier: 'gold' })
    expect(quotas.map(({ rule }) => rule)).toEqual(['long'])
    expect(await own.admitted({ id: 'b', tier: 'silver' }, 50)).toBe(1)
  })

  it('admits an unlimited client without calling the store or computing a cost', async () => {
    const unreachable = () => Promise.reject(new Error('the store is unreachable'))
    const store: Store = {
      take: unreachable,
      peek: unreachable,
      settle: unreachable,
      reset: async () => {},
      close() {},
    }
    const limiter = createLimiter<Client>({
      name: 'unreachable',
      store,
      client: clientOf,
      tiers: { internal: 'unlimited' },
      rules: [{ limit: '1/minute', cost: () => Number.NaN }],
    })
    const body = { isHere: false, receive: async () => {} }
    const internal = { id: 'a', tier: 'internal' }
    expect(await limiter.admit(internal)).toMatchObject({ allowed: true, quotas: [] })
    expect(await limiter.admit(internal, { body })).toMatchObject({ allowed: true, quotas: [] })
    await limiter.reset(internal)
  })

  it('leaves an unlimited tier unlimited during a warm-up and under an override', async () => {
    const { admitted } = limiterOf([{ name: 'few', limit: '20/minute', tiers: { gold: 'unlimited' } }], {
      warmUp: { scale: 0.1, until: () => 0 },
      overrides: { few: { limit: '10/minute' } },
    })
    expect(await admitted({ id: 'a', tier: 'gold' }, 100)).toBe(100)
    expect(await admitted({ id: 'a' }, 100)).toBe(1)
  })

  it('applies a change of tier at once and keeps the units that were used', async () => {
    const { clock, admitted } = limiterOf([{ limit: '60/minute' }], { tiers: { premium: 10 } })
    expect(await admitted({ id: 'a' }, 30)).toBe(30)
    expect(await admitted({ id: 'a', tier: 'premium' })).toBe(570)
    expect(await admitted({ id: 'a' })).toBe(0)
    clock.advance(1_000)
    expect(await admitted({ id: 'a' })).toBe(0)
    clock.advance(1_000)
    expect(await admitted({ id: 'a', tier: 'premium' })).toBe(20)
  })

  it.each<[string, Partial<LimiterOptions<Client>>, string]>([
    ['zero', { tiers: { free: 0 } }, "tier 'free' must be greater than 0"],
    ['a string', { tiers: { free: '5' as never } }, "tier 'free' must be a number"],
    ['an invalid limit', { rules: [{ limit: '1/minute', tiers: { gold: 'much' } }] }, 'rules[0]'],
    [
      'several limits',
      { rules: [{ limit: '1/minute', tiers: { gold: '1/second; 5/hour' } }] },
      "tier 'gold' must have one limit",
    ],
    [
      'one limit for a rule with several',
      { rules: [{ limit: '1/second; 5/hour', tiers: { gold: '9/minute' } }] },
      'write a rule for each',
    ],
    ['a limit for slots', { rules: [{ concurrent: 4, tiers: { gold: '8' as never } }] }, 'multiplier'],
  ])('rejects %s as the value of a tier', (_what, options, message) => {
    expect(() => createLimiter({ rules, ...options })).toThrow(message)
  })
})

describe('a limiter with a client function', () => {
  it('accepts an asynchronous client function', async () => {
    const limiter = createLimiter<string>({
      rules: [{ limit: '1/minute' }],
      client: async (name) => name,
    })
    expect((await limiter.admit('a')).allowed).toBe(true)
    expect((await limiter.admit('a')).allowed).toBe(false)
    expect((await limiter.admit('b')).allowed).toBe(true)
    expect((await limiter.peek('b')).allowed).toBe(false)
    await limiter.reset('b')
    expect((await limiter.peek('b')).allowed).toBe(true)
  })

  it('rejects a request whose client cannot be determined or has an empty id', async () => {
    const failing = createLimiter<string>({
      rules: [{ limit: '1/minute' }],
      client: async () => {
        throw new Error('the database is unreachable')
      },
    })
    await expect(failing.admit('a')).rejects.toThrow('unreachable')
    const wrong = createLimiter<string>({
      rules: [{ limit: '1/minute' }],
      client: () => ({ id: '' }),
    })
    expect(() => wrong.admit('a')).toThrow("the client's id")
  })

  it('throws a ForbiddenError for an unmet requirement before it charges anything', async () => {
    const limiter = createLimiter<Client>({
      rules: [{ limit: '1/minute' }],
      client: clientOf,
      require: (_request, client) => client?.tier === 'premium',
      refuseWith: { status: 403, detail: 'Premium access required' },
    })
    const refused = () => limiter.admit({ id: 'a' })
    for (let call = 0; call < 5; call++)
      expect(refused).toThrow(
        expect.objectContaining({ name: 'ForbiddenError', status: 403, message: 'Premium access required' }),
      )
    expect((await limiter.admit({ id: 'a', tier: 'premium' })).allowed).toBe(true)
  })

  it("forbids a request unless 'require' returns true, and validates 'refuseWith'", () => {
    const limiter = createLimiter<Client>({
      rules: [],
      client: clientOf,
      require: (() => 'yes') as unknown as () => boolean,
    })
    expect(() => limiter.admit({ id: 'a' })).toThrow('Forbidden')
    expect(() => createLimiter({ rules: [], refuseWith: {} })).toThrow("requires 'require'")
    expect(() => createLimiter({ rules: [], require: () => true, refuseWith: { status: 200 } })).toThrow(
      'from 400 to 499',
    )
  })
})
