import { describe, expect, it } from 'vitest'
import { createLimiter } from '../../src/limiter/limiter.js'
import type { Rule } from '../../src/rules/rule.js'

interface Call {
  readonly model: string
}

const big = { model: 'big' }
const small = { model: 'small' }

function limiterOf(rule: Partial<Rule<Call>>, others: readonly Rule<Call>[] = []) {
  return createLimiter<Call>({
    rules: [{ limit: '2/hour', by: 'everyone', ...rule } as Rule<Call>, ...others],
  })
}

describe('a rule with a condition', () => {
  it('charges nothing for a request to which it does not apply', async () => {
    const limiter = limiterOf({ when: ({ model }) => model === 'big' })
    for (let count = 0; count < 5; count++) {
      const decision = await limiter.admit(small)
      expect(decision).toMatchObject({ allowed: true, quotas: [] })
    }
    expect((await limiter.admit(big)).quotas).toMatchObject([{ remaining: 1 }])
    expect((await limiter.usage(small)).rules).toEqual([])
    expect((await limiter.usage(big)).rules).toMatchObject([{ used: 1 }])
  })

  it.each([
    ['returns', (value: boolean) => value],
    ['returns a promise of', (value: boolean) => Promise.resolve(value)],
  ])('calls a condition that %s a boolean once per request, before its other functions', async (_, as) => {
    const calls: string[] = []
    const limiter = limiterOf({
      limit: '5/second; 9/minute; 20/hour',
      when: ({ model }) => {
        calls.push('when')
        return as(model === 'big')
      },
      by: ({ model }) => {
        calls.push('by')
        return model
      },
      cost: () => {
        calls.push('cost')
        return 1
      },
    })
    expect((await limiter.admit(small)).quotas).toEqual([])
    expect(calls).toEqual(['when'])
    calls.length = 0
    expect((await limiter.admit(big)).quotas).toHaveLength(3)
    expect(calls.filter((call) => call === 'when')).toHaveLength(1)
    expect(calls[0]).toBe('when')
  })

  it('decides with the other rules about a request whose condition is asynchronous', async () => {
    const limiter = limiterOf({ when: async ({ model }) => model === 'big' }, [
      { name: 'all', limit: '3/hour', by: 'everyone' },
      { name: 'small', limit: '1/hour', by: 'everyone', when: ({ model }) => model === 'small' },
    ])
    const names = async (call: Call) => (await limiter.admit(call)).quotas.map(({ rule }) => rule)
    expect(await names(big)).toEqual(['requests', 'all'])
    expect(await names(small)).toEqual(['all', 'small'])
  })

  it('keeps its condition when an override replaces the limit', async () => {
    const limiter = createLimiter<Call>({
      rules: [{ limit: '2/hour', by: 'everyone', when: ({ model }) => model === 'big' }],
      overrides: { requests: { limit: '1/hour' } },
    })
    expect((await limiter.admit(small)).quotas).toEqual([])
    expect((await limiter.admit(big)).allowed).toBe(true)
    expect((await limiter.admit(big)).allowed).toBe(false)
  })

  it('fails a request whose condition returns no boolean, unless the rule is a shadow rule', async () => {
    const when = (() => 'yes') as unknown as () => boolean
    expect(() => limiterOf({ when }).admit(big)).toThrow("'when' must return true or false, not string")
    expect(await limiterOf({ when, enforce: false }).admit(big)).toMatchObject({ allowed: true, quotas: [] })
  })

  it('rejects a condition that is not a function', () => {
    expect(() => limiterOf({ when: true as unknown as () => boolean })).toThrow(
      "rules[0]: 'when' must be a function that returns true or false",
    )
  })
})
