import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createLimiter } from '../../../src/limiter/limiter.js'
import { storeWithOutages } from './losable-store.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('permits of charges that were decided locally', () => {
  const rules = [{ limit: '10/hour', of: 'tokens', cost: 4 }, { concurrent: 1 }]

  it('are settled and released locally, even after the store has recovered', async () => {
    const { inner, store, startOutage, endOutage } = storeWithOutages()
    const limiter = createLimiter({ rules, store })
    await startOutage()
    const decision = await limiter.admit('ann')
    if (!decision.allowed) return expect.fail('the request was refused')
    expect(decision.degraded).toBe('local')
    await endOutage()
    await decision.permit.renew()
    await decision.permit.settle({ tokens: 1 })
    await decision.permit.release()
    expect(inner.settled).toEqual([])
    await startOutage()
    const forecast = await limiter.peek('ann')
    expect(forecast).toMatchObject({ allowed: true, degraded: 'local' })
    expect(forecast.quotas.map(({ remaining }) => remaining)).toEqual([5, 0])
  })

  it.each(['local', 'open'] as const)('are refunded locally when cancelled under `%s`', async (policy) => {
    const { inner, store, startOutage, endOutage } = storeWithOutages({ policy })
    const limiter = createLimiter({ rules, store })
    await startOutage()
    const decision = await limiter.admit('ann')
    if (!decision.allowed) return expect.fail('the request was refused')
    const before = (await limiter.peek('an unused key')).quotas.map(({ remaining }) => remaining)
    await decision.permit.cancel()
    await decision.permit.cancel()
    expect((await limiter.peek('ann')).quotas.map(({ remaining }) => remaining)).toEqual(before)
    await endOutage()
    expect(inner.settled).toEqual([])
  })

  it('have nothing to settle under `open`', async () => {
    const { inner, store, startOutage, endOutage } = storeWithOutages({ policy: 'open' })
    const limiter = createLimiter({ rules, store })
    await startOutage()
    const decision = await limiter.admit('ann')
    if (!decision.allowed) return expect.fail('the request was refused')
    expect(decision.degraded).toBe('open')
    await endOutage()
    await decision.permit.settle({ tokens: 8 })
    await decision.permit.release()
    expect(inner.settled).toEqual([])
    const next = await limiter.admit('ann')
    expect(next.degraded).toBeUndefined()
    expect(next.quotas.map(({ remaining }) => remaining)).toEqual([6, 0])
  })

  it('are released separately from overlapping permits of the store', async () => {
    const { store, startOutage, endOutage, inner } = storeWithOutages()
    const limiter = createLimiter({ rules: [{ concurrent: 1 }], store })
    const before = await limiter.admit('ann')
    await startOutage()
    const meanwhile = await limiter.admit('ann')
    if (!before.allowed || !meanwhile.allowed) return expect.fail('a request was refused')
    await meanwhile.permit.release()
    expect(store.stats().settlementsWaiting).toBe(0)
    await before.permit.release()
    expect(store.stats().settlementsWaiting).toBe(1)
    await endOutage()
    expect(inner.settled).toHaveLength(1)
    expect(await limiter.peek('ann')).toMatchObject({ allowed: true })
  })
})
