import { describe, expect, it } from 'vitest'
import { createLimiter } from '../../src/limiter/limiter.js'
import type { RuleOverride } from '../../src/rules/override.js'
import type { Rule } from '../../src/rules/rule.js'
import { memoryStore } from '../../src/stores/memory/memory-store.js'
import { manualClock } from '../../src/time/clock.js'

/** Creates limiters with the same rules on one store but different overrides. */
function limitersOf(rules: readonly Rule<string>[]) {
  const clock = manualClock()
  const store = memoryStore({ clock })
  return {
    clock,
    with: (overrides: Readonly<Record<string, RuleOverride>> = {}) =>
      createLimiter({ rules, store, name: 'route', overrides }),
  }
}

describe('an override', () => {
  it('changes a limit and keeps the units that were used', async () => {
    const limiters = limitersOf([{ limit: '10/minute' }])
    for (let n = 0; n < 5; n++) await limiters.with().admit('a')
    const doubled = limiters.with({ requests: { limit: '20/minute' } })
    expect((await doubled.peek('a')).quotas[0]).toMatchObject({ limit: { limit: 20 }, remaining: 14 })
    const halved = limiters.with({ requests: { limit: '2/minute' } })
    expect((await halved.peek('a')).quotas[0]).toMatchObject({ limit: { limit: 2 }, remaining: 0 })
    expect((await limiters.with().peek('a')).quotas[0]).toMatchObject({ limit: { limit: 10 }, remaining: 4 })
  })

  it('turns an enforced rule into a shadow rule and back', async () => {
    const limiters = limitersOf([
      { name: 'strict', limit: '1/minute' },
      { name: 'trial', limit: '2/minute', enforce: false },
    ])
    const swapped = limiters.with({ strict: { enforce: false }, trial: { enforce: true } })
    const admitted = []
    for (let n = 0; n < 3; n++) admitted.push((await swapped.admit('a')).allowed)
    expect(admitted).toEqual([true, true, false])
  })

  it('keeps the algorithm and key of the rule, and is scaled by tiers', async () => {
    const limiter = createLimiter<{ id: string; tier: string }>({
      rules: [
        { name: 'text', limit: '10/minute', algorithm: 'sliding-log' },
        { name: 'data', limit: { algorithm: 'fixed-window', limit: 10, period: 60_000 } },
        { name: 'slots', concurrent: 1, wait: '1s' },
      ],
      client: (request) => request,
      tiers: { pro: 3 },
      overrides: { text: { limit: '2/hour' }, data: { limit: '4/hour' }, slots: { limit: 5 } },
    })
    const { quotas } = await limiter.peek({ id: 'a', tier: 'pro' })
    expect(quotas.map(({ limit }) => limit)).toMatchObject([
      { algorithm: 'sliding-log', limit: 6, period: 3_600_000 },
      { algorithm: 'fixed-window', limit: 12, period: 3_600_000 },
      { algorithm: 'concurrency', limit: 15 },
    ])
    expect(limiter.rules.map(({ limit }) => limit?.limit)).toEqual([2, 4, 5])
  })

  it('applies to a single limit of a rule with several limits', async () => {
    const limiters = limitersOf([{ limit: '10/minute; 100/hour' }])
    const limiter = limiters.with({ 'requests-2': { limit: '50/hour' } })
    expect(limiter.rules).toMatchObject([
      { name: 'requests', scope: 'route\nrequests\n=\ntoken-bucket\n60000', limit: { limit: 10 } },
      { name: 'requests-2', scope: 'route\nrequests\n=\ntoken-bucket\n3600000', limit: { limit: 50 } },
    ])
  })

  it('changes the limits of single clients, after their tier', async () => {
    const limiter = createLimiter<{ id: string; tier?: string }>({
      rules: [
        { name: 'calls', limit: '10/minute', algorithm: 'fixed-window' },
        { name: 'computed', limit: ({ id }) => (id === 'free' ? 'unlimited' : '7/minute') },
        { name: 'slots', concurrent: 4, tiers: { pro: 'unlimited' } },
      ],
      client: (request) => request,
      tiers: { pro: 3 },
      overrides: {
        calls: { limit: '20/minute', clients: { acme: { scale: 2 }, small: { limit: '1/hour' } } },
        computed: { clients: { acme: { scale: 0.5 }, free: { scale: 9 } } },
        slots: { clients: { acme: { limit: 9 }, small: { scale: 0.01 } } },
      },
    })
    const limitsOf = async (id: string, tier?: string) => {
      const { quotas } = await limiter.peek({ id, ...(tier !== undefined && { tier }) })
      return Object.fromEntries(quotas.map(({ rule, limit }) => [rule, limit.limit]))
    }
    expect(await limitsOf('other')).toEqual({ calls: 20, computed: 7, slots: 4 })
    expect(await limitsOf('acme')).toEqual({ calls: 40, computed: 3.5, slots: 9 })
    expect(await limitsOf('acme', 'pro')).toEqual({ calls: 120, computed: 10.5, slots: 9 })
    expect(await limitsOf('acme')).toEqual({ calls: 40, computed: 3.5, slots: 9 })
    expect(await limitsOf('small', 'pro')).toEqual({ calls: 1, computed: 21 })
    expect(await limitsOf('free')).toEqual({ calls: 20, slots: 4 })
  })

  it('gives only the named client more, from the state that it already has', async () => {
    const rules: Rule<string>[] = [{ limit: '2/hour', algorithm: 'fixed-window' }]
    const store = memoryStore({ clock: manualClock() })
    const limiterWith = (overrides = {}) =>
      createLimiter({ rules, store, name: 'route', client: (id: string) => id, overrides })
    const admitted = async (limiter: ReturnType<typeof limiterWith>, id: string) => {
      let count = 0
      while ((await limiter.admit(id)).allowed) count++
      return count
    }
    expect(await admitted(limiterWith(), 'acme')).toBe(2)
    const more = limiterWith({ requests: { clients: { acme: { scale: 2.5 } } } })
    expect(await admitted(more, 'acme')).toBe(3)
    expect(await admitted(more, 'umbrella')).toBe(2)
  })

  it.each<[RuleOverride['clients'], string, readonly string[]]>([
    [{ acme: { scale: 0 } }, "'scale' must be greater than 0", ['scale']],
    [{ acme: { limit: 'lots' } }, 'lots', ['limit']],
    [{ acme: { limit: '1/second; 2/hour' } }, 'an override must be a single limit', ['limit']],
  ])('is rejected if the limit of a client is invalid: %j', (clients = {}, message, path) => {
    const limiters = limitersOf([{ limit: '10/minute' }])
    try {
      limiters.with({ requests: { clients } })
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({
        message: expect.stringContaining(message),
        path: ['overrides', 'requests', 'clients', 'acme', ...path],
      })
    }
  })

  it.each<[Readonly<Record<string, RuleOverride>>, string]>([
    [{ nobody: { enforce: false } }, "there is no rule 'nobody' to override; the rules are requests, slots"],
    [{ requests: { limit: 20 } }, 'a limit needs a period, such as 20/minute'],
    [
      { requests: { limit: '1/minute; 2/hour' } },
      "an override must be a single limit such as 10/minute, not '1/minute; 2/hour'",
    ],
    [{ requests: { limit: 'lots' } }, 'lots'],
    [{ slots: { limit: '8/minute' } }, 'the limit of a concurrency rule must be a number such as 8'],
    [{ slots: { limit: 0 } }, 'limit'],
  ])('is rejected if it is invalid: %j', (overrides, message) => {
    const limiters = limitersOf([{ limit: '10/minute' }, { name: 'slots', concurrent: 1 }])
    expect(() => limiters.with(overrides)).toThrow(message)
  })
})
