import { describe, expect, it } from 'vitest'
import { createLimiter } from '../../src/limiter/limiter.js'
import { createWarmUp } from '../../src/rules/warm-up.js'
import { memoryStore } from '../../src/stores/memory/memory-store.js'
import { withFailurePolicy } from '../../src/stores/resilience/failure-policy.js'
import type { Store } from '../../src/stores/store.js'
import { manualClock } from '../../src/time/clock.js'
import { manualTimers } from './manual-timers.js'

const nextTurn = () => new Promise((done) => setImmediate(done))

describe('a rule with a penalty', () => {
  it('refuses for the penalty, and names the rule and its end', async () => {
    const clock = manualClock()
    const limiter = createLimiter({
      store: memoryStore({ clock }),
      rules: [{ limit: '100/minute' }, { limit: '1/second', name: 'burst', penalty: '15m' }],
    })
    limiter.admit('client')
    limiter.admit('client')
    clock.advance(60_000)
    expect(await limiter.admit('client')).toMatchObject({
      allowed: false,
      refusal: { rule: 'burst', retryAfter: 840_000, remaining: 0, reason: 'exceeded', violated: ['burst'] },
      quotas: [
        { rule: 'requests', allowed: true, remaining: 100 },
        { rule: 'burst', allowed: false },
      ],
    })
    clock.advance(840_000)
    expect(await limiter.admit('client')).toMatchObject({ allowed: true })
  })

  it('applies each limit of a joined rule with its own penalty', async () => {
    const clock = manualClock()
    const rules = [{ limit: '1/second; 2/hour', penalty: '1m' }]
    const limiter = createLimiter({ store: memoryStore({ clock }), rules })
    limiter.admit('client')
    const refused = await limiter.admit('client')
    expect(refused).toMatchObject({ refusal: { violated: ['requests'], retryAfter: 60_000 } })
    clock.advance(60_000)
    expect(await limiter.admit('client')).toMatchObject({ allowed: true })
  })

  it('does not start a penalty for a cost that a warm-up does not yet admit', async () => {
    const clock = manualClock()
    const limiter = createLimiter({
      store: memoryStore({ clock }),
      warmUp: createWarmUp({ from: 0.2, over: '10s', clock }),
      rules: [{ limit: '10/second', cost: 5, penalty: '1h' }],
    })
    expect(await limiter.admit('client')).toMatchObject({ allowed: false })
    expect(await limiter.peek('client')).toMatchObject({ quotas: [{ remaining: 2 }] })
  })

  it('starts no penalty for a request that waits for another rule', async () => {
    const clock = manualClock()
    const timers = manualTimers()
    const limiter = createLimiter({
      store: memoryStore({ clock }),
      timers,
      rules: [
        { limit: '1/second', name: 'paced', wait: '5s' },
        { limit: '3/minute', name: 'abuse', penalty: '15m' },
      ],
    })
    expect(await limiter.admit('client')).toMatchObject({ allowed: true })
    const waiting = limiter.admit('client')
    await nextTurn()
    clock.advance(1000)
    timers.advance(1000)
    await nextTurn()
    expect(await waiting).toMatchObject({ allowed: true })
    expect(await limiter.peek('client')).toMatchObject({ quotas: [{}, { rule: 'abuse', remaining: 1 }] })
  })

  it('starts the penalty of a request that would wait behind others for another rule', async () => {
    const clock = manualClock()
    const timers = manualTimers()
    const limiter = createLimiter<{ user: string }>({
      store: memoryStore({ clock }),
      timers,
      rules: [
        { limit: '1/second', name: 'paced', by: 'everyone', wait: '5s' },
        { limit: '1/second', name: 'abuse', by: ({ user }) => user, penalty: '15m' },
      ],
    })
    limiter.admit({ user: 'busy' })
    const ahead = limiter.admit({ user: 'patient' })
    expect(await limiter.admit({ user: 'busy' })).toMatchObject({
      allowed: false,
      refusal: { violated: expect.arrayContaining(['abuse']), retryAfter: 900_000 },
    })
    clock.advance(1000)
    timers.advance(1000)
    await nextTurn()
    expect(await ahead).toMatchObject({ allowed: true })
    clock.advance(10_000)
    expect(await limiter.admit({ user: 'busy' })).toMatchObject({ refusal: { rule: 'abuse' } })
  })

  it('never waits for the penalty, even if the call sets a wait', async () => {
    const clock = manualClock()
    const limiter = createLimiter({
      store: memoryStore({ clock }),
      timers: manualTimers(),
      rules: [{ limit: '1/second', penalty: '2s' }],
    })
    limiter.admit('client')
    expect(await limiter.admit('client', { wait: '10s' })).toMatchObject({ refusal: { retryAfter: 2000 } })
  })

  it('is applied by the local fallback, and by no open one', async () => {
    const clock = manualClock()
    const broken: Store = {
      take: () => Promise.reject(new Error('down')),
      peek: () => Promise.reject(new Error('down')),
      settle: () => Promise.reject(new Error('down')),
      reset: () => Promise.reject(new Error('down')),
      close() {},
    }
    const refusedBy = async (policy: 'local' | 'open') => {
      const store = withFailurePolicy(broken, { policy, clock, ...(policy === 'local' && { peers: 2 }) })
      const limiter = createLimiter({ store, rules: [{ limit: '4/second', penalty: '15m' }] })
      for (let request = 0; request < 3; request++) await limiter.admit('client')
      clock.advance(5000)
      return limiter.admit('client')
    }
    expect(await refusedBy('local')).toMatchObject({
      allowed: false,
      degraded: 'local',
      refusal: { retryAfter: 895_000 },
    })
    expect(await refusedBy('open')).toMatchObject({ allowed: true, degraded: 'open' })
  })

  it('adds no key to a full memory store', async () => {
    const store = memoryStore({ clock: manualClock(), maxKeys: 1 })
    const limiter = createLimiter({ store, rules: [{ limit: '1/minute', penalty: '1h' }] })
    limiter.admit('client')
    expect(await limiter.admit('client')).toMatchObject({ refusal: { retryAfter: 60_000 } })
    expect(store.keys).toBe(1)
  })

  it('applies a simulated penalty once an override enforces the shadow rule', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const rules = [{ limit: '1/second', name: 'abuse', penalty: '1h', enforce: false }]
    const shadow = createLimiter({ store, name: 'api', rules })
    for (let request = 0; request < 3; request++)
      expect(await shadow.admit('client')).toMatchObject({ allowed: true })
    clock.advance(60_000)
    const enforced = createLimiter({ store, name: 'api', rules, overrides: { abuse: { enforce: true } } })
    expect(await enforced.admit('client')).toMatchObject({ refusal: { retryAfter: 3_540_000 } })
  })
})
