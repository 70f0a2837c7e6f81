import { describe, expect, it } from 'vitest'
import { createLimiter } from '../../src/limiter/limiter.js'
import { memoryStore } from '../../src/stores/memory/memory-store.js'
import { manualClock } from '../../src/time/clock.js'
import { manualTimers } from './manual-timers.js'

describe('a limiter with custom timers', () => {
  it('renews leases with its timers until the slot is released', async () => {
    const clock = manualClock()
    const timers = manualTimers()
    const limiter = createLimiter({
      rules: [{ concurrent: 1, lease: '30s' }],
      store: memoryStore({ clock }),
      timers,
    })
    const decision = await limiter.admit('a')
    if (!decision.allowed) throw new Error('refused')
    decision.permit.keepRenewed()
    for (let second = 0; second < 100; second += 10) {
      clock.advance(10_000)
      timers.advance(10_000)
    }
    // Three leases later the slot is still held.
    expect((await limiter.admit('a')).allowed).toBe(false)
    await decision.permit.release()
    expect(timers.running).toBe(0)
    expect((await limiter.admit('a')).allowed).toBe(true)
  })

  it('times out queued requests with its timers', async () => {
    const clock = manualClock()
    const timers = manualTimers()
    const limiter = createLimiter({
      rules: [{ concurrent: 1, wait: '5s' }],
      store: memoryStore({ clock }),
      timers,
    })
    await limiter.admit('a')
    const second = limiter.admit('a')
    await expect.poll(() => timers.running).toBe(2)
    clock.advance(5000)
    timers.advance(5000)
    expect(await second).toMatchObject({ allowed: false, refusal: { reason: 'busy' } })
  })
})
