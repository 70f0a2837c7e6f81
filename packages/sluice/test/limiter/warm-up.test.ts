import { describe, expect, it } from 'vitest'
import { createLimiter } from '../../src/limiter/limiter.js'
import type { Rule } from '../../src/rules/rule.js'
import { createWarmUp } from '../../src/rules/warm-up.js'
import { memoryStore } from '../../src/stores/memory/memory-store.js'
import { manualClock } from '../../src/time/clock.js'

function warmingLimiter(rules: readonly Rule<string>[]) {
  const clock = manualClock()
  const warmUp = createWarmUp({ from: 0.2, over: '60s', clock })
  const limiter = createLimiter({ rules, warmUp, store: memoryStore({ clock }) })
  const admitted = async (key: string, tries = 200) => {
    let count = 0
    for (let each = 0; each < tries; each++) if ((await limiter.admit(key)).allowed) count++
    return count
  }
  return { clock, warmUp, limiter, admitted }
}

describe('a limiter during warm-up', () => {
  it('scales a limit of 50 to 10 until warm-up begins, and applies the full limit after warm-up', async () => {
    const { clock, warmUp, limiter, admitted } = warmingLimiter([
      { limit: '50/minute', algorithm: 'fixed-window' },
    ])
    expect(await admitted('a')).toBe(10)
    expect((await limiter.peek('a')).quotas[0]).toMatchObject({ limit: { limit: 10 }, remaining: 0 })
    warmUp.ready()
    clock.advance(60_000)
    expect(await admitted('a')).toBe(50)
    clock.advance(60_000)
    expect(await admitted('a')).toBe(50)
  })

  it('scales the configured limit, never an already scaled limit', async () => {
    const { clock, warmUp, limiter } = warmingLimiter([{ limit: '50/minute' }])
    for (let call = 0; call < 1_000; call++) await limiter.admit(`client-${call}`)
    expect((await limiter.peek('new')).quotas[0]?.limit.limit).toBe(10)
    warmUp.ready()
    clock.advance(60_000)
    for (let call = 0; call < 1_000; call++) await limiter.admit(`client-${call}`)
    expect((await limiter.peek('newer')).quotas[0]?.limit.limit).toBe(50)
  })

  it('grants the added units at once and keeps the units that were used', async () => {
    const { clock, warmUp, admitted } = warmingLimiter([{ limit: '3600/hour' }])
    expect(await admitted('a', 5_000)).toBe(720)
    warmUp.ready()
    clock.advance(60_000)
    // A bucket of 3,600 with 720 used, plus a refill of one per second for a minute.
    expect(await admitted('a', 5_000)).toBe(3_600 - 720 + 60)
  })

  it('scales every rule, including concurrency rules', async () => {
    const { warmUp, clock, admitted } = warmingLimiter([{ concurrent: 10 }, { limit: '100/minute' }])
    expect(await admitted('a')).toBe(2)
    warmUp.ready()
    clock.advance(60_000)
    expect(await admitted('b')).toBe(10)
  })

  it.each<[string, Rule<string>]>([
    ['a token bucket', { limit: '50/minute', cost: 20 }],
    ['a fixed window', { limit: '50/minute', algorithm: 'fixed-window', cost: 20 }],
    ['a sliding window', { limit: '50/minute', algorithm: 'sliding-window', cost: 20 }],
    ['a sliding log', { limit: '50/minute', algorithm: 'sliding-log', cost: 20 }],
    ['a concurrency limit', { concurrent: 50, cost: 20 }],
  ])('reports when %s will be large enough for the request', async (_, rule) => {
    const { clock, warmUp, limiter } = warmingLimiter([rule])
    warmUp.ready()
    const refused = await limiter.admit('a')
    // 20 of 50 are available at a scale of 0.4, after a quarter of the warm-up.
    expect(refused).toMatchObject({ allowed: false, refusal: { reason: 'exceeded', retryAfter: 15_000 } })
    clock.advance(14_999)
    expect((await limiter.peek('a')).allowed).toBe(false)
    clock.advance(1)
    expect((await limiter.admit('a')).allowed).toBe(true)
  })

  it('refuses a request as oversized if it exceeds even the full limit', async () => {
    const { limiter } = warmingLimiter([{ limit: '50/minute', cost: 51 }])
    expect(await limiter.admit('a')).toMatchObject({ refusal: { reason: 'oversized', retryAfter: Infinity } })
  })

  it('does not queue requests for slots that warm-up has not added yet', async () => {
    const { warmUp, limiter } = warmingLimiter([{ concurrent: 50, cost: 20, wait: '1h' }])
    warmUp.ready()
    expect(await limiter.admit('a')).toMatchObject({ allowed: false, refusal: { reason: 'exceeded' } })
  })
})
