import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { StoreUnavailableError } from '../../../src/stores/resilience/store-unavailable.js'
import { one, slot } from './charges.js'
import { outcomeOf, startOutage, wrapped } from './wrapped-store.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('the breaker of a store', () => {
  it('opens after one timeout or five consecutive failures', async () => {
    const hung = wrapped()
    hung.inner.mode = 'hangs'
    await outcomeOf(() => hung.store.take([one]))
    expect(hung.store.stats()).toMatchObject({ state: 'open', timeouts: 1, failures: 0 })
    const refused = wrapped()
    refused.inner.mode = 'refuses'
    for (let request = 0; request < 4; request++) await refused.store.take([one])
    expect(refused.store.stats()).toMatchObject({ state: 'closed', timeouts: 0, failures: 4 })
    await refused.store.take([one])
    expect(refused.store.stats().state).toBe('open')
  })

  it('makes no call and decides at once while it is open', async () => {
    const { store, inner } = wrapped({ deadline: 20 })
    inner.mode = 'hangs'
    const first = store.take([one])
    await vi.advanceTimersByTimeAsync(21)
    const [verdict] = await first
    const before = inner.callCount
    expect(store.take([one])).toMatchObject([{ degraded: 'local' }])
    expect(store.peek([one])).toMatchObject([{ degraded: 'local' }])
    expect(() => store.reset('requests', 'ann')).toThrow(StoreUnavailableError)
    const taken = { cost: 1, at: verdict?.at ?? 0, resetAfter: 1000 }
    expect(store.settle([{ charge: one, taken, cost: 0 }])).toBeUndefined()
    expect(inner.callCount).toBe(before)
  })

  it('has at most one probe in flight', async () => {
    const { store, inner } = wrapped()
    await startOutage(store, inner)
    await vi.advanceTimersByTimeAsync(100)
    const before = inner.callCount
    const pending = Array.from({ length: 100 }, () => store.take([one]))
    expect(inner.callCount).toBe(before + 1)
    expect(store.stats().state).toBe('half-open')
    inner.resume()
    await vi.advanceTimersByTimeAsync(0)
    const verdicts = (await Promise.all(pending)).flat()
    expect(verdicts.filter(({ degraded }) => degraded === undefined)).toHaveLength(1)
    expect(store.stats().state).toBe('closed')
  })

  it('uses the store again within two seconds of its recovery, after an outage of any length', async () => {
    for (const mode of ['hangs', 'refuses'] as const) {
      const { store, inner } = wrapped()
      inner.mode = mode
      for (let second = 0; second < 60; second++) {
        await outcomeOf(() => store.take([one]))
        await vi.advanceTimersByTimeAsync(900)
      }
      inner.resume()
      const recoveredAt = performance.now()
      while ((await outcomeOf(() => store.peek([one])))[0]?.degraded !== undefined) {
        expect(performance.now() - recoveredAt).toBeLessThan(2000)
      }
    }
  })

  it('is not opened by errors that the caller caused', async () => {
    const { store, inner } = wrapped({ failures: 1 })
    for (const cost of [-1, Number.NaN, 1.5]) expect(() => store.take([{ ...one, cost }])).toThrow(RangeError)
    expect(() => store.take([{ ...slot('a'), lease: undefined }])).toThrow(TypeError)
    expect(inner.callCount).toBe(0)
    const settlement = { charge: one, taken: { cost: 1, at: 0, resetAfter: 1 }, cost: -1 }
    expect(() => store.settle([settlement])).toThrow(RangeError)
    inner.take = () => Promise.reject(new TypeError('the key is unknown'))
    await expect(store.take([one])).rejects.toThrow('the key is unknown')
    expect(store.stats()).toMatchObject({ state: 'closed', failures: 0 })
    inner.take = () => Promise.reject(new TypeError('fetch failed', { cause: new Error('ECONNREFUSED') }))
    expect(await store.take([one])).toMatchObject([{ degraded: 'local' }])
    expect(store.stats()).toMatchObject({ state: 'open', failures: 1 })
  })

  it('probes again after a probe fails with an error that its caller caused', async () => {
    const { store, inner } = wrapped()
    await startOutage(store, inner)
    inner.resume()
    await vi.advanceTimersByTimeAsync(100)
    const take = inner.take.bind(inner)
    inner.take = () => Promise.reject(new RangeError('the cost is not supported'))
    await expect(store.take([one])).rejects.toThrow('the cost is not supported')
    inner.take = take
    expect((await store.take([one]))[0]?.degraded).toBeUndefined()
    expect(store.stats().state).toBe('closed')
  })

  it('ignores errors thrown by its listeners', async () => {
    const { store, inner } = wrapped({
      onStateChange: ({ state }) => {
        if (state === 'open') throw new Error('the log is full')
        return Promise.reject(new Error('the log is slow'))
      },
    })
    await startOutage(store, inner)
    inner.resume()
    await vi.advanceTimersByTimeAsync(100)
    expect((await store.take([one]))[0]?.degraded).toBeUndefined()
  })
})
