import { describe, expect, it } from 'vitest'
import { createLimiter, type LimiterOptions } from '../../src/limiter/limiter.js'
import type { Client } from '../../src/rules/client.js'
import type { Rule } from '../../src/rules/rule.js'

type Caller = Client | undefined

function limiterOf(rules: readonly Rule<Caller>[], options: Partial<LimiterOptions<Caller>> = {}) {
  const limiter = createLimiter<Caller>({ rules, client: (client) => client, ...options })
  const admitted = async (client: Caller, tries = 20) => {
    let count = 0
    for (let each = 0; each < tries; each++) if ((await limiter.admit(client)).allowed) count++
    return count
  }
  return { limiter, admitted }
}

const ada = { id: 'ada', labels: { org: 'acme', team: 'red' } }
const bob = { id: 'bob', labels: { org: 'acme', team: 'blue' } }
const eve = { id: 'eve', labels: { org: 'other', team: 'red' } }
const hourly = { algorithm: 'fixed-window', limit: '4/hour' } as const

describe('a rule that counts by a label', () => {
  it('counts the clients with the same label together', async () => {
    const { admitted } = limiterOf([{ ...hourly, by: 'client.org' }])
    expect(await admitted(ada, 3)).toBe(3)
    expect(await admitted(bob)).toBe(1)
    expect(await admitted(eve)).toBe(4)
  })

  it('does not apply to clients without the label, nor to anonymous requests', async () => {
    const { limiter, admitted } = limiterOf([{ ...hourly, by: 'client.org' }])
    expect(await admitted({ id: 'zoe' })).toBe(20)
    expect(await admitted({ id: 'zoe', labels: { team: 'red' } })).toBe(20)
    expect(await admitted(undefined)).toBe(20)
    expect((await limiter.admit(undefined)).quotas).toEqual([])
    expect((await limiter.usage({ id: 'zoe' })).rules).toEqual([])
    expect((await limiter.usage(ada)).rules).toMatchObject([{ key: 'acme', used: 0 }])
  })

  it('requires every label of a combined key', async () => {
    const { limiter, admitted } = limiterOf([{ ...hourly, by: ['client.org', 'client.team'] }])
    expect(await admitted({ id: 'zoe', labels: { org: 'acme' } })).toBe(20)
    expect(await admitted(ada)).toBe(4)
    expect(await admitted(bob)).toBe(4)
    expect((await limiter.usage(ada)).rules[0]?.used).toBe(4)
  })

  it('counts a list as one key', async () => {
    const { admitted } = limiterOf([{ ...hourly, by: 'client.models' }])
    expect(await admitted({ id: 'a', labels: { models: ['x', 'y'] } })).toBe(4)
    expect(await admitted({ id: 'b', labels: { models: ['x', 'y'] } })).toBe(0)
    expect(await admitted({ id: 'c', labels: { models: ['x'] } })).toBe(4)
  })

  it('never reads a label that an object inherits', async () => {
    const { admitted } = limiterOf([{ ...hourly, by: 'client.constructor' }])
    expect(await admitted(ada)).toBe(20)
  })

  it('rejects a key that is not a label, and a limiter without clients', () => {
    expect(() => limiterOf([{ limit: '1/s', by: 'client.id' }])).toThrow(
      "rules[0]: 'client.id' is not a label; use 'client'",
    )
    expect(() => limiterOf([{ limit: '1/s', by: 'client.Org' }])).toThrow(/lower-case letters.*not 'Org'/)
    expect(() => createLimiter({ rules: [{ limit: '1/s', by: 'client.org' }] })).toThrow(
      "rules[0]: 'by: client.org' needs the labels of clients, which the option 'client' returns",
    )
  })
})

describe('a pool', () => {
  const tiers = { premium: 2, free: 'unlimited' } as const

  it.each(['client.org', 'everyone', 'route'] as const)(
    'by %s is not scaled by the tier of a client',
    async (by) => {
      const keys = { ip: () => '192.0.2.1', route: () => 'POST /', header: () => undefined }
      const { admitted } = limiterOf([{ ...hourly, by }], { tiers, keys })
      expect(await admitted({ ...ada, tier: 'premium' })).toBe(4)
      expect(await admitted({ ...bob, tier: 'free' })).toBe(0)
    },
  )

  it('is scaled by the tiers of its own rule', async () => {
    const { admitted } = limiterOf([{ ...hourly, by: 'client.org', tiers: { premium: 3 } }], { tiers })
    expect(await admitted({ ...ada, tier: 'premium' })).toBe(12)
  })

  it('leaves the limits of a client itself scaled by its tier', async () => {
    const { admitted } = limiterOf([{ ...hourly }, { ...hourly, limit: '6/hour', by: 'client.org' }], {
      tiers,
    })
    expect(await admitted({ ...ada, tier: 'premium' })).toBe(6)
  })

  it('keeps the labels as a condition when an override replaces its limit', async () => {
    const { admitted } = limiterOf([{ ...hourly, name: 'org', by: 'client.org' }], {
      tiers,
      overrides: { org: { limit: '2/hour' } },
    })
    expect(await admitted({ id: 'zoe' })).toBe(20)
    expect(await admitted({ ...ada, tier: 'premium' })).toBe(2)
  })
})

describe('labels', () => {
  const admit = (labels: unknown) => {
    const { limiter } = limiterOf([{ ...hourly }])
    return limiter.admit({ id: 'a', labels } as Client)
  }

  it.each<[string, unknown, RegExp]>([
    ['a list', ['acme'], /'labels' must be an object such as/],
    ['a reserved name', { tier: 'x' }, /no label can be called 'tier'/],
    ['a name in capitals', { Org: 'x' }, /not 'Org'/],
    ['an empty value', { org: '' }, /the label 'org' must be a string of 1 to 256 characters/],
    ['a long value', { org: 'x'.repeat(257) }, /the label 'org' must be/],
    ['a number', { org: 7 }, /the label 'org' must be/],
    ['a list with an empty value', { org: ['a', ''] }, /the label 'org' must be/],
    ['too many values', { org: Array(101).fill('a') }, /a list of at most 100/],
    [
      'too many labels',
      Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`l${i}`, 'x'])),
      /at most 32/,
    ],
  ])('cannot be %s', (_, labels, message) => {
    expect(() => admit(labels)).toThrow(message)
  })

  it('are copied, so a later change of the object has no effect', async () => {
    const labels = { org: 'acme' }
    const { limiter } = limiterOf([{ ...hourly, by: 'client.org' }], { client: () => ({ id: 'a', labels }) })
    const [quota] = (await limiter.admit(undefined)).quotas
    labels.org = 'other'
    expect(quota?.key).toBe('acme')
    expect((await limiter.admit(undefined)).quotas[0]?.key).toBe('other')
  })
})
