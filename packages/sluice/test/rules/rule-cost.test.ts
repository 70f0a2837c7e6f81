import { describe, expect, it } from 'vitest'
import { createLimiter } from '../../src/limiter/limiter.js'
import { batchSize } from '../../src/rules/costs/request-costs.js'
import { RequestError } from '../../src/rules/request-error.js'
import type { RateRule } from '../../src/rules/rule.js'

type Body = { readonly body?: unknown }

function limiterOf(rule: Pick<RateRule<Body>, 'cost' | 'fallbackCost' | 'enforce'>) {
  const limiter = createLimiter<Body>({
    rules: [{ limit: '10/hour', algorithm: 'fixed-window', by: 'everyone', ...rule }],
  })
  const left = async () => (await limiter.peek({ body: { data: [] } })).quotas[0]?.remaining
  return { limiter, left }
}

describe('the cost of a rule', () => {
  it.each([
    ['not a number', Number.NaN],
    ['negative', -1],
    ['infinite', Number.POSITIVE_INFINITY],
    ['a string', '3' as never],
    ['null', null as never],
  ])('is rejected when the limiter is created if it is %s', (_what, cost) => {
    expect(() => limiterOf({ cost })).toThrow(/^rules\[0\]: 'cost' must be/)
    expect(() => limiterOf({ cost: 1, fallbackCost: cost })).toThrow(/^rules\[0\]: 'fallbackCost' must be/)
  })

  const wrong: readonly (readonly [string, unknown])[] = [
    ['NaN', Number.NaN],
    ['negative', -1],
    ['infinite', Number.POSITIVE_INFINITY],
    ['a string', '3'],
    ['missing', undefined],
    ['a fraction of a whole unit', 1.5],
  ]

  it.each(wrong)(
    'causes a RequestError and charges nothing if its function returns a cost that is %s',
    async (_, cost) => {
      const { limiter, left } = limiterOf({ cost: ({ body }) => (body === undefined ? cost : 0) as number })
      for (let call = 0; call < 20; call++) {
        expect(() => limiter.admit({})).toThrow(
          expect.objectContaining({
            name: 'RequestError',
            status: 400,
            message: expect.stringContaining('cost'),
          }),
        )
      }
      expect(await left()).toBe(10)
    },
  )

  it.each(wrong)('is the fallback cost if its function returns a cost that is %s', async (_, cost) => {
    const { limiter, left } = limiterOf({
      cost: ({ body }) => (body === undefined ? cost : 0) as number,
      fallbackCost: 4,
    })
    expect((await limiter.admit({})).allowed).toBe(true)
    expect(await left()).toBe(6)
  })

  it.each(wrong)('causes a RequestError if its function resolves to a cost that is %s', async (_, cost) => {
    const { limiter, left } = limiterOf({
      cost: async ({ body }) => (body === undefined ? cost : 0) as number,
    })
    await expect(limiter.admit({})).rejects.toMatchObject({ name: 'RequestError', status: 400 })
    expect(await left()).toBe(10)
  })

  it.each(wrong)('is the fallback cost if its function resolves to a cost that is %s', async (_, cost) => {
    const { limiter, left } = limiterOf({
      cost: async ({ body }) => (body === undefined ? cost : 0) as number,
      fallbackCost: 4,
    })
    expect((await limiter.admit({})).allowed).toBe(true)
    expect(await left()).toBe(6)
  })

  it('causes an oversized refusal and charges nothing if it exceeds the limit', async () => {
    const { limiter, left } = limiterOf({ cost: batchSize('/data') })
    const decision = await limiter.admit({ body: { data: new Array(1_000_000).fill(0) } })
    expect(decision).toMatchObject({
      allowed: false,
      refusal: { reason: 'oversized', cost: 1_000_000, retryAfter: Number.POSITIVE_INFINITY },
    })
    expect(await left()).toBe(10)
  })

  it('passes on an error of its function other than a RequestError', () => {
    const broken = () => {
      throw new RangeError('a bug of the server')
    }
    expect(() => limiterOf({ cost: broken, fallbackCost: 1 }).limiter.admit({})).toThrow('a bug')
  })

  it('does not refuse a request if its function throws in a shadow rule', async () => {
    const { limiter } = limiterOf({ cost: batchSize('/data'), enforce: false })
    expect((await limiter.admit({})).allowed).toBe(true)
    expect(() => limiterOf({ cost: batchSize('/data') }).limiter.admit({})).toThrow(RequestError)
  })
})
