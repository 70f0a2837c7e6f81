import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { memoryStore } from '../../../src/stores/memory/memory-store.js'
import { withFailurePolicy } from '../../../src/stores/resilience/failure-policy.js'
import { StoreUnavailableError } from '../../../src/stores/resilience/store-unavailable.js'
import { one } from './charges.js'
import { outcomeOf, wrapped } from './wrapped-store.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('an available store with a failure policy', () => {
  it('returns verdicts that are not marked as degraded', async () => {
    const { store, inner } = wrapped()
    const [verdict] = await store.take([one])
    expect(verdict).toMatchObject({ allowed: true, remaining: 9 })
    expect(verdict?.degraded).toBeUndefined()
    expect((await store.peek([one]))[0]?.remaining).toBe(8)
    await store.reset('requests', 'ann')
    expect((await store.peek([one]))[0]?.remaining).toBe(9)
    expect((await store.peek([{ ...one, cost: 0 }]))[0]?.remaining).toBe(10)
    await store.close()
    expect(inner.calls.close).toBe(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('stays synchronous if it was synchronous without the policy', () => {
    const store = withFailurePolicy(memoryStore())
    expect(store.take([one])).toMatchObject([{ allowed: true, remaining: 9 }])
    expect(store.peek([one])).toMatchObject([{ remaining: 8 }])
    expect(store.reset('requests', 'ann')).toBeUndefined()
    expect(store.close()).toBeUndefined()
  })
})

describe.each(['hangs', 'refuses', 'throws'] as const)('a store that %s', (mode) => {
  it('is replaced by a share of the limit under `local`', async () => {
    const { store, inner } = wrapped({ peers: 5 })
    inner.mode = mode
    const allowed: boolean[] = []
    for (let request = 0; request < 10; request++) {
      const [verdict] = await outcomeOf(() => store.take([one]))
      expect(verdict?.degraded).toBe('local')
      allowed.push(verdict?.allowed === true)
    }
    expect(allowed.filter(Boolean)).toHaveLength(2)
    expect(store.stats().degraded).toBe(10)
  })

  it('admits every cost that fits the capacity under `open`', async () => {
    const { store, inner } = wrapped({ policy: 'open' })
    inner.mode = mode
    for (let request = 0; request < 30; request++) {
      const [verdict] = await outcomeOf(() => store.take([one]))
      expect(verdict).toMatchObject({ allowed: true, degraded: 'open' })
    }
    expect(await outcomeOf(() => store.take([{ ...one, cost: 11 }]))).toMatchObject([
      { allowed: false, retryAfter: Number.POSITIVE_INFINITY },
    ])
    expect(store.stats()).toMatchObject({ degraded: 31, unavailable: 0 })
  })

  it('throws StoreUnavailableError under `closed`', async () => {
    const { store, inner } = wrapped({ policy: 'closed' })
    inner.mode = mode
    for (let request = 0; request < 10; request++) {
      const error = await outcomeOf(() => store.take([one])).catch((thrown) => thrown)
      expect(error).toBeInstanceOf(StoreUnavailableError)
      expect(error).toMatchObject({ status: 503, retryAfter: 500 })
      expect(error.cause).toBeInstanceOf(Error)
      await expect(outcomeOf(() => store.peek([one]))).rejects.toThrow(StoreUnavailableError)
    }
    expect(store.stats()).toMatchObject({ degraded: 0, unavailable: 10 })
  })

  it.each(['open', 'closed', 'local'] as const)('cannot be reset under `%s`', async (policy) => {
    const { store, inner } = wrapped({ policy })
    inner.mode = mode
    for (let request = 0; request < 8; request++) {
      await expect(outcomeOf(() => store.reset('requests', 'ann'))).rejects.toThrow(/cannot be reset/)
    }
  })

  it('is reported once when it fails and once when it recovers', async () => {
    const { store, inner, changes } = wrapped()
    inner.mode = mode
    for (let request = 0; request < 50; request++) await outcomeOf(() => store.take([one]))
    expect(changes).toMatchObject([{ state: 'open', policy: 'local', cause: expect.any(Error) }])
    inner.resume()
    await vi.advanceTimersByTimeAsync(1000)
    for (let request = 0; request < 50; request++) await outcomeOf(() => store.take([one]))
    expect(changes).toMatchObject([{ state: 'open' }, { state: 'closed' }])
    expect(store.stats().state).toBe('closed')
  })
})
