import type { Quota } from 'sluice'
import { createLimiter, manualClock, memoryStore } from 'sluice'
import { describe, expect, it } from 'vitest'
import { goDuration, vendorHeaders } from '../../../src/policy/llm/vendor-headers.js'

const NOON = Date.parse('2026-11-24T12:00:00Z')

function quota(resource: string, remaining: number, resetAfter: number, more: Partial<Quota> = {}): Quota {
  return {
    rule: resource,
    resource,
    key: 'k',
    limit: { algorithm: 'token-bucket', limit: 60, period: 60_000, burst: 60 },
    cost: 1,
    allowed: true,
    enforced: true,
    remaining,
    resetAfter,
    moreAfter: 0,
    retryAfter: 0,
    ...more,
  }
}

describe('the rate limit headers of a vendor', () => {
  it('have the names and formats of OpenAI', () => {
    const quotas = [quota('requests', 59, 1000), quota('tokens', 7, 360_000), quota('input_tokens', 1, 1)]
    expect(vendorHeaders('openai', quotas, NOON)).toEqual([
      ['x-ratelimit-limit-requests', '60'],
      ['x-ratelimit-remaining-requests', '59'],
      ['x-ratelimit-reset-requests', '1s'],
      ['x-ratelimit-limit-tokens', '60'],
      ['x-ratelimit-remaining-tokens', '7'],
      ['x-ratelimit-reset-tokens', '6m0s'],
    ])
  })

  it('have the names and formats of Anthropic', () => {
    const quotas = [quota('requests', 59, 1000), quota('output_tokens', 3, 1)]
    expect(vendorHeaders('anthropic', quotas, NOON)).toEqual([
      ['anthropic-ratelimit-requests-limit', '60'],
      ['anthropic-ratelimit-requests-remaining', '59'],
      ['anthropic-ratelimit-requests-reset', '2026-11-24T12:00:01Z'],
      ['anthropic-ratelimit-output-tokens-limit', '60'],
      ['anthropic-ratelimit-output-tokens-remaining', '3'],
      ['anthropic-ratelimit-output-tokens-reset', '2026-11-24T12:00:01Z'],
    ])
  })

  it('report the rule with the least remaining, and the later reset if two rules are equal', () => {
    const quotas = [
      quota('tokens', 5, 1000),
      quota('tokens', 3, 2000),
      quota('tokens', 3, 9000),
      quota('tokens', 0, 1, { enforced: false }),
      quota('tokens', 0, 1, { limit: { algorithm: 'concurrency', limit: 1, lease: 1 } }),
    ]
    const headers = new Map(vendorHeaders('openai', quotas, NOON))
    expect(headers.get('x-ratelimit-remaining-tokens')).toBe('3')
    expect(headers.get('x-ratelimit-reset-tokens')).toBe('9s')
  })

  it('omit an infinite reset', () => {
    const never = [quota('requests', 0, Number.POSITIVE_INFINITY)]
    expect(vendorHeaders('openai', never, NOON)).toHaveLength(2)
    expect(vendorHeaders('anthropic', never, NOON)).toHaveLength(2)
  })

  it('are derived from the quotas of a decision', () => {
    const clock = manualClock(NOON)
    const limiter = createLimiter({
      store: memoryStore({ clock }),
      rules: [{ limit: '60/minute' }, { limit: '1000/minute', of: 'tokens', cost: 250 }],
    })
    const decision = limiter.admit('key')
    if (decision instanceof Promise) throw new Error('the memory store is synchronous')
    expect(vendorHeaders('openai', decision.quotas, NOON)).toEqual([
      ['x-ratelimit-limit-requests', '60'],
      ['x-ratelimit-remaining-requests', '59'],
      ['x-ratelimit-reset-requests', '1s'],
      ['x-ratelimit-limit-tokens', '1000'],
      ['x-ratelimit-remaining-tokens', '750'],
      ['x-ratelimit-reset-tokens', '15s'],
    ])
  })
})

describe('goDuration', () => {
  it.each([
    [0, '0s'],
    [0.2, '1ms'],
    [20, '20ms'],
    [999.5, '1s'],
    [8640, '8.64s'],
    [59_999.1, '1m0s'],
    [360_000, '6m0s'],
    [3_600_500, '1h0m0.5s'],
    [90_061_000, '25h1m1s'],
    [-5, '0s'],
  ])('formats %d ms as %s', (length, text) => {
    expect(goDuration(length)).toBe(text)
  })

  it.each([Number.POSITIVE_INFINITY, Number.NaN])('returns undefined for %d', (length) => {
    expect(goDuration(length)).toBeUndefined()
  })
})
