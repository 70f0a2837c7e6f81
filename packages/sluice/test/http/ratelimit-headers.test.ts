import fc from 'fast-check'
import { type BareItem, parseList } from 'structured-headers'
import { describe, expect, it } from 'vitest'
import { headersOfOneRule, rateLimit, rateLimitPolicy } from '../../src/http/ratelimit-headers.js'
import { anyLimit, minute, moneyQuota, quota, ruleName } from './quotas.js'

const SEED = 20261126

/** Parses a header with a library for clients into the name and the parameters of each member. */
function parse(header: string): [name: BareItem, parameters: Record<string, BareItem>][] {
  return parseList(header).map(([name, parameters]) => [name as BareItem, Object.fromEntries(parameters)])
}

describe('the RateLimit headers', () => {
  it('are lists of rule names for every valid name', () => {
    fc.assert(
      fc.property(fc.array(ruleName, { minLength: 1, maxLength: 5 }), (names) => {
        const quotas = names.map((rule) => quota({ rule }))
        for (const header of [rateLimitPolicy(quotas, 'secret'), rateLimit(quotas, 'secret')])
          expect(parse(header).map(([name]) => name)).toEqual(names)
      }),
      { seed: SEED, numRuns: 1000 },
    )
  })

  it.each(['say "hi"', '\\', '"', 'a;q=0', 'a, "b";r=9', ' ', ';;;', 'a\\"b'])(
    'have no extra member or parameter for a rule named %j',
    (rule) => {
      expect(parse(rateLimitPolicy([quota({ rule })]))).toEqual([[rule, { q: 10, w: 60 }]])
      expect(parse(rateLimit([quota({ rule })]))).toEqual([[rule, { r: 9, t: 60 }]])
    },
  )

  it('match the examples of the draft', () => {
    const tokens = quota({ rule: 'tokens', resource: 'tokens', remaining: 3, moreAfter: 5_001 })
    expect(rateLimitPolicy([quota(), tokens])).toBe('"requests";q=10;w=60, "tokens";q=10;qu="tokens";w=60')
    expect(rateLimit([quota(), tokens])).toBe('"requests";r=9;t=60, "tokens";r=3;t=6')
  })

  it('report money in hundredths of its currency, rounded down', () => {
    expect(rateLimitPolicy([moneyQuota()])).toBe('"money";q=2000;qu="0.01 USD";w=86400')
    expect(rateLimit([moneyQuota()])).toBe('"money";r=1999;t=60')
    expect(rateLimit([moneyQuota({ remaining: 9_999_999 })])).toBe('"money";r=0;t=60')
  })

  it('use registered units, or the name of the resource', () => {
    const slots = { algorithm: 'concurrency', limit: 4, lease: 30_000 } as const
    const unit = (resource: string, over = {}) =>
      parse(rateLimitPolicy([quota({ resource, ...over })]))[0]?.[1]
    expect(unit('concurrent', { limit: slots })).toEqual({ q: 4, qu: 'concurrent-requests' })
    expect(unit('bytes')).toMatchObject({ qu: 'content-bytes' })
    expect(unit('requests')).not.toHaveProperty('qu')
    expect(unit('größe "x"')).toMatchObject({ qu: 'gr??e "x"' })
  })

  it('report no time for slots or an unused limit', () => {
    const slots = { algorithm: 'concurrency', limit: 4, lease: 30_000 } as const
    expect(rateLimit([quota({ limit: slots, remaining: 1 })])).toBe('"requests";r=1')
    expect(rateLimit([quota({ remaining: 10, moreAfter: 0 })])).toBe('"requests";r=10')
  })

  it('contain integers that are valid in structured fields, and a policy within the limit', () => {
    const times = fc.double({ min: 0, max: 1e15, noNaN: true })
    fc.assert(
      fc.property(anyLimit, fc.nat(), times, times, (limit, remaining, moreAfter, retryAfter) => {
        const quotas = [true, false].map((allowed) =>
          quota({ limit, remaining, moreAfter, retryAfter, allowed }),
        )
        const perUnit = 'currency' in limit ? 10_000_000 : 1
        for (const [, { r, t }] of parse(rateLimit(quotas))) {
          expect(r).toBe(Math.floor(remaining / perUnit))
          if (t !== undefined) expect(Number.isInteger(t) && (t as number) >= 0).toBe(true)
        }
        const [[, { q, w }]] = parse(rateLimitPolicy(quotas)) as [[string, { q: number; w: number }]]
        expect(Number.isInteger(q)).toBe(true)
        if (limit.algorithm === 'concurrency') {
          expect(q).toBe(limit.limit)
          return
        }
        expect(Number.isInteger(w) && w >= 1).toBe(true)
        // At least one unit, even for a limit of less than one unit per window.
        const unitsInWindow = ((limit.limit / perUnit) * w * 1000) / limit.period
        expect(q).toBeLessThanOrEqual(unitsInWindow * (1 + 1e-9))
      }),
      { seed: SEED, numRuns: 3000 },
    )
  })

  it('describe the current request even if headers of the same limit are cached', () => {
    const limits = [minute, { ...minute }, { ...minute, limit: 200 }]
    const quotaOptions = fc.record({
      limit: fc.constantFrom(...limits),
      rule: fc.constantFrom('requests', 'others'),
      // Numbers that collide in the cache and numbers that do not.
      remaining: fc.oneof(fc.integer({ min: 0, max: 200 }), fc.constantFrom(2 ** 32, 2 ** 53 - 1, 1e20)),
      moreAfter: fc.constantFrom(0, 1, 999, 1000, 1001, 5000),
      retryAfter: fc.constantFrom(0, 500, 3000, Number.POSITIVE_INFINITY),
      allowed: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(quotaOptions, { minLength: 1, maxLength: 60 }), (requests) => {
        for (const over of requests) {
          const one = quota(over)
          // A new limit object, for which nothing is cached.
          const uncached = { ...one, limit: { ...one.limit } }
          expect(headersOfOneRule(one)).toEqual([
            ['ratelimit-policy', rateLimitPolicy([uncached])],
            ['ratelimit', rateLimit([uncached])],
          ])
          expect(rateLimit([one, one])).toBe(`${rateLimit([uncached])}, ${rateLimit([uncached])}`)
        }
      }),
      { seed: SEED, numRuns: 500 },
    )
  })

  it('are frozen, because requests with equal quotas share them', () => {
    const fields = headersOfOneRule(quota({})) as unknown as string[][]
    expect(() => fields.push(['x-client', 'a'])).toThrow(TypeError)
    for (const field of fields) expect(() => field.splice(1, 1, 'other')).toThrow(TypeError)
    expect(headersOfOneRule(quota({}))).toEqual([
      ['ratelimit-policy', rateLimitPolicy([quota({})])],
      ['ratelimit', rateLimit([quota({})])],
    ])
  })

  it.each([
    ['10 per minute', 10, 60_000, { q: 10, w: 60 }],
    ['20 in 1.5 s, rounded up to two seconds', 20, 1500, { q: 26, w: 2 }],
    ['3 in 100 ms', 3, 100, { q: 30, w: 1 }],
    ['half a unit per second', 0.5, 1000, { q: 1, w: 2 }],
    ['1,000,000 per year', 1_000_000, 31_536_000_000, { q: 1_000_000, w: 31_536_000 }],
    ['more than 15 digits', Number.MAX_SAFE_INTEGER, 60_000, { q: 999_999_999_999_999, w: 60 }],
  ])('report the quota and the window of a limit of %s', (_what, limit, period, expected) => {
    const bucket = { algorithm: 'token-bucket', limit, period, burst: limit } as const
    expect(parse(rateLimitPolicy([quota({ limit: bucket })]))).toEqual([['requests', expected]])
  })

  it('contain partition keys only with a secret, stable per key and never in clear text', () => {
    const of = (key: string, secret?: string) => {
      const [[, { pk }]] = parse(rateLimit([quota({ key })], secret)) as [[string, { pk?: ArrayBuffer }]]
      return pk && Buffer.from(pk).toString('hex')
    }
    expect(of('203.0.113.7')).toBeUndefined()
    expect(of('203.0.113.7', 'secret')).toBe(of('203.0.113.7', 'secret'))
    expect(of('203.0.113.7', 'secret')).not.toBe(of('203.0.113.8', 'secret'))
    expect(of('203.0.113.7', 'secret')).not.toBe(of('203.0.113.7', 'another secret'))
    expect(of('203.0.113.7', 'secret')).toMatch(/^[0-9a-f]{24}$/)
    const header = rateLimitPolicy([quota({ key: '203.0.113.7' })], 'secret')
    expect(header).not.toContain('203')
  })
})
