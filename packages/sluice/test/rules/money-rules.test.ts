import { describe, expect, it } from 'vitest'
import { createLimiter } from '../../src/limiter/limiter.js'
import type { Limit } from '../../src/limits/limit.js'
import { isOptionError } from '../../src/option-error.js'
import { priceOf } from '../../src/rules/costs/price.js'
import type { Rule } from '../../src/rules/rule.js'
import { scaleLimit } from '../../src/rules/scale.js'

const PRICE = { input: 2.5, output: 10 }
const money = { limit: '20 USD/day', of: 'money', cost: () => 0 } as const

function errorOf(rule: object, overrides = {}): unknown {
  try {
    createLimiter({ rules: [rule as Rule<string>], overrides })
  } catch (error) {
    if (!isOptionError(error)) throw error
    return [error.path, error.reason]
  }
  return undefined
}

describe('a rule that counts money', () => {
  it('admits calls until their prices exceed the limit, and settles the actual price', async () => {
    const limiter = createLimiter<{ output: number }>({
      rules: [
        {
          limit: '0.05 USD/day',
          of: 'money',
          by: 'everyone',
          cost: ({ output }) => priceOf({ input: 1000, output }, PRICE),
        },
      ],
    })
    const first = await limiter.admit({ output: 4000 })
    if (!first.allowed) throw new Error('expected an allowed decision')
    expect(first.quotas[0]).toMatchObject({ cost: 42_500_000, remaining: 7_500_000 })
    expect((await limiter.admit({ output: 600 })).allowed).toBe(false)
    await first.permit.settle({ money: priceOf({ input: 1000, output: 100 }, PRICE) })
    expect((await limiter.admit({ output: 600 })).quotas[0]).toMatchObject({
      remaining: 38_000_000,
    })
  })

  it.each<[string, object, unknown]>([
    [
      'a limit without a currency',
      { ...money, limit: '20/day' },
      [['limit'], "a limit of money requires a currency, such as '20 USD/day', not '20/day'"],
    ],
    [
      'a currency without money',
      { ...money, of: 'tokens' },
      [['of'], "'20 USD/day' is a limit of money, which requires 'of: money'"],
    ],
    [
      'two currencies',
      { ...money, limit: '20 USD/day; 100 EUR/month' },
      [['limit'], "every limit of a rule must be in USD, like the rule's limit, not in EUR"],
    ],
    [
      'a tier in another currency',
      { ...money, tiers: { gold: '30 EUR/day' } },
      [['tiers', 'gold'], "tier 'gold' must be in USD, like the rule's limit, not in EUR"],
    ],
    [
      'a tier without a currency',
      { ...money, tiers: { gold: '30/day' } },
      [['tiers', 'gold'], "a limit of money requires a currency, such as '20 USD/day', not '30/day'"],
    ],
    [
      'no cost',
      { limit: '20 USD/day', of: 'money' },
      [['cost'], "a rule that counts money requires a 'cost', such as (call) => priceOf(call.usage, price)"],
    ],
    [
      'an invalid currency',
      { ...money, limit: { algorithm: 'fixed-window', limit: 1, period: 1000, currency: 'usd' } },
      [['limit', 'currency'], "'currency' must be a code of three capital letters such as 'USD', not 'usd'"],
    ],
    [
      'a fraction of a unit',
      {
        ...money,
        limit: { algorithm: 'token-bucket', limit: 0.5, period: 1000, burst: 1, currency: 'USD' },
      },
      [['limit', 'limit'], "'limit' of a limit on money must be whole units of 10^-9 USD, not 0.5"],
    ],
  ])('rejects %s', (_, rule, error) => {
    const [path, reason] = error as [readonly string[], string]
    expect(errorOf(rule)).toEqual([['rules', 0, ...path], reason])
  })

  it('rejects an override in another currency, and keeps the algorithm of a bucket', async () => {
    const expected = ['overrides', 'money', 'limit']
    expect(errorOf(money, { money: { limit: '30 EUR/day' } })).toEqual([
      expected,
      "an override must be in USD, like the rule's limit, not in EUR",
    ])
    const bucket = { ...money, limit: '20 USD/day burst 30' }
    const limiter = createLimiter({ rules: [bucket], overrides: { money: { limit: '30 USD/day' } } })
    expect((await limiter.peek('a')).quotas[0]?.limit).toMatchObject({
      algorithm: 'token-bucket',
      burst: 30e9,
    })
  })

  it('rejects a limit in the wrong unit that a function returns', async () => {
    const limiter = createLimiter({ rules: [{ ...money, limit: () => '20/day' }] })
    expect(() => limiter.admit('a')).toThrow('a limit of money requires a currency')
  })

  it('counts each currency of an unnamed rule apart', () => {
    const scopeOf = (limit: string) => createLimiter({ rules: [{ ...money, limit }] }).rules[0]?.scope
    expect(scopeOf('20 USD/day')).toBe(scopeOf('30 USD/day'))
    expect(scopeOf('20 USD/day')).not.toBe(scopeOf('20 EUR/day'))
  })

  it('scales to whole units', () => {
    const window: Limit = { algorithm: 'fixed-window', limit: 10, period: 1000, currency: 'USD' }
    expect(scaleLimit(window, 0.29).limit).toBe(2)
    const bucket: Limit = { ...window, algorithm: 'token-bucket', burst: 100, initial: 7 }
    expect(scaleLimit(bucket, 0.29)).toMatchObject({ limit: 2, burst: 29, initial: 2 })
    expect(scaleLimit(bucket, 0.001)).toMatchObject({ limit: 1, burst: 1, initial: 0 })
  })
})
