import { describe, expect, it } from 'vitest'
import type { LimiterEvent } from '../../src/limiter/event.js'
import { createLimiter, type LimiterOptions } from '../../src/limiter/limiter.js'
import { memoryStore } from '../../src/stores/memory/memory-store.js'
import { withFailurePolicy } from '../../src/stores/resilience/failure-policy.js'
import { manualClock } from '../../src/time/clock.js'
import { FaultyStore } from '../stores/resilience/faulty-store.js'

interface TestRequest {
  readonly user: string
  readonly tier?: string
}

function listeningLimiter(options: Omit<LimiterOptions<TestRequest>, 'listener' | 'client'>) {
  const events: LimiterEvent<TestRequest>[] = []
  const clock = manualClock()
  const limiter = createLimiter<TestRequest>({
    store: memoryStore({ clock }),
    client: ({ user, tier }) => ({ id: user, ...(tier !== undefined && { tier }) }),
    listener: (event) => void events.push(event),
    ...options,
  })
  return { limiter, events, clock, types: () => events.map(({ type }) => type) }
}

const one = { user: 'one' }

describe('a limiter with a listener', () => {
  it('emits an event with the rules for each allowed and each refused request', async () => {
    const { limiter, events } = listeningLimiter({ rules: [{ name: 'few', limit: '1/minute' }] })
    await limiter.admit(one)
    await limiter.admit(one)
    expect(events).toMatchObject([
      { type: 'allowed', request: one, client: { id: 'one' }, quotas: [{ rule: 'few', remaining: 0 }] },
      { type: 'refused', request: one, refusal: { rule: 'few', reason: 'exceeded' } },
    ])
    for (const event of events) expect('took' in event && event.took).toBeGreaterThanOrEqual(0)
  })

  it('emits an event for a request that a shadow rule would have refused', async () => {
    const { limiter, events, types } = listeningLimiter({
      rules: [{ name: 'trial', limit: '1/minute', enforce: false }, { limit: '5/minute' }],
    })
    await limiter.admit(one)
    await limiter.admit(one)
    expect(types()).toEqual(['allowed', 'shadow-refused', 'allowed'])
    expect(events[1]).toMatchObject({ quota: { rule: 'trial', allowed: false, enforced: false } })
  })

  it('emits one settlement and one release, even if the permit is settled and released twice', async () => {
    const { limiter, events } = listeningLimiter({
      rules: [
        { name: 'tokens', limit: '100/minute', of: 'tokens', cost: 40 },
        { name: 'slots', concurrent: 2 },
      ],
    })
    const decision = await limiter.admit(one)
    if (!decision.allowed) throw new Error('expected an allowed decision')
    for (const _ of [1, 2]) {
      await decision.permit.settle({ tokens: 12 })
      await decision.permit.release()
    }
    expect(events.slice(1)).toMatchObject([
      { type: 'settled', rule: 'tokens', resource: 'tokens', taken: 40, cost: 12 },
      { type: 'released', rule: 'slots', slots: 1 },
    ])
  })

  it('emits a settlement of 0 and a release for a cancelled request', async () => {
    const { limiter, events } = listeningLimiter({ rules: [{ limit: '5/minute' }, { concurrent: 1 }] })
    const decision = await limiter.admit(one)
    if (!decision.allowed) throw new Error('expected an allowed decision')
    await decision.permit.cancel()
    await decision.permit.cancel()
    expect(events.slice(1)).toMatchObject([
      { type: 'settled', resource: 'requests', taken: 1, cost: 0 },
      { type: 'released', resource: 'concurrent' },
    ])
    expect((await limiter.peek(one)).quotas.map(({ remaining }) => remaining)).toEqual([4, 0])
  })

  it("emits an event for a change of tier on the client's next request", async () => {
    const { limiter, events, types } = listeningLimiter({ rules: [{ limit: '5/minute' }], tiers: { pro: 2 } })
    await limiter.admit(one)
    await limiter.admit({ ...one, tier: 'pro' })
    await limiter.admit({ ...one, tier: 'pro' })
    await limiter.admit({ user: 'two', tier: 'pro' })
    expect(types()).toEqual(['allowed', 'tier-changed', 'allowed', 'allowed', 'allowed'])
    expect(events[1]).toEqual({ type: 'tier-changed', client: 'one', from: undefined, to: 'pro' })
  })

  it('emits an event for a changed limit, as during a warm-up, but not for different limits of tiers', async () => {
    let scale = 0.5
    const { limiter, events, types } = listeningLimiter({
      rules: [{ name: 'requests', limit: '10/minute' }],
      tiers: { pro: 2 },
      warmUp: {
        get scale() {
          return scale
        },
        until: () => 0,
      },
    })
    await limiter.admit(one)
    await limiter.admit({ user: 'two', tier: 'pro' })
    scale = 1
    await limiter.admit(one)
    expect(types()).toEqual(['allowed', 'allowed', 'limit-changed', 'allowed'])
    expect(events[2]).toMatchObject({
      rule: 'requests',
      tier: undefined,
      from: { limit: 5 },
      to: { limit: 10 },
    })
  })
})

describe('a limiter with a listener and a failing store', () => {
  const few: LimiterOptions<TestRequest>['rules'] = [{ limit: '9/minute' }]
  const policyOptions = { deadline: '5s', clock: manualClock() } as const

  it('emits one event when the store fails and one when it recovers', async () => {
    const store = new FaultyStore()
    const { limiter, events, types } = listeningLimiter({ rules: few, store })
    for (const mode of ['refuses', 'throws'] as const) {
      store.mode = mode
      await expect((async () => limiter.admit(one))()).rejects.toThrow()
    }
    expect(types()).toEqual(['store-failed'])
    expect(events[0]).toMatchObject({ cause: expect.any(Error) })
    store.mode = 'up'
    await limiter.admit(one)
    await limiter.admit(one)
    expect(types()).toEqual(['store-failed', 'store-recovered', 'allowed', 'allowed'])
    expect(events[1]).toMatchObject({ lost: expect.any(Number) })
  })

  it('emits a single store failure while decisions are degraded, and then a recovery', async () => {
    const inner = new FaultyStore()
    const store = withFailurePolicy(inner, { policy: 'local', ...policyOptions })
    const { limiter, events, types } = listeningLimiter({ rules: few, store })
    inner.mode = 'refuses'
    await limiter.admit(one)
    await limiter.admit(one)
    inner.mode = 'up'
    await limiter.admit(one)
    expect(types()).toEqual(['store-failed', 'allowed', 'allowed', 'store-recovered', 'allowed'])
    expect(events[0]).toMatchObject({ degraded: 'local' })
  })

  it('emits no store failure for an invalid charge', async () => {
    const { limiter, types } = listeningLimiter({ rules: [{ limit: '9/minute', cost: () => -1 }] })
    await expect((async () => limiter.admit(one))()).rejects.toThrow()
    expect(types()).toEqual([])
  })
})

it('a limiter ignores errors of its listener', async () => {
  const limiter = createLimiter({
    rules: [{ limit: '1/minute' }, { concurrent: 1 }],
    listener: () => {
      throw new Error('no')
    },
  })
  const decision = await limiter.admit('key')
  if (!decision.allowed) throw new Error('expected an allowed decision')
  await decision.permit.settle({ requests: 0 })
  await decision.permit.release()
  expect((await limiter.admit('key')).allowed).toBe(true)
})
