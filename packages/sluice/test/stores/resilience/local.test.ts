import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { bucketOfTen, one, tenAnHour } from './charges.js'
import { startOutage, wrapped } from './wrapped-store.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('the local fallback', () => {
  it('defers a cost above the share until recovery, and refuses a cost above the limit permanently', async () => {
    const { store, inner } = wrapped({ peers: 4 })
    await startOutage(store, inner)
    const waits = await store.take([{ ...one, limit: bucketOfTen, cost: 5 }])
    expect(waits).toMatchObject([{ allowed: false, retryAfter: 500 }])
    const never = await store.take([{ ...one, limit: bucketOfTen, cost: 11 }])
    expect(never).toMatchObject([{ allowed: false, retryAfter: Number.POSITIVE_INFINITY }])
  })

  it('is not refilled by a flapping store', async () => {
    const { store, inner } = wrapped({ peers: 5 })
    let allowed = 0
    for (let outage = 0; outage < 5; outage++) {
      await startOutage(store, inner)
      for (let request = 0; request < 5; request++) {
        const [verdict] = await store.take([one])
        if (verdict?.degraded === 'local' && verdict.allowed) allowed++
      }
      inner.resume()
      await vi.advanceTimersByTimeAsync(100)
      expect((await store.peek([one]))[0]?.degraded).toBeUndefined()
    }
    expect(allowed).toBe(2)
  })

  it('frees the state of a refilled share after the store has recovered', async () => {
    const { store, inner } = wrapped()
    await startOutage(store, inner)
    const charges = { ...one, limit: bucketOfTen }
    for (let key = 0; key < 1000; key++) await store.take([{ ...charges, key: String(key) }])
    expect(store.stats().localKeys).toBe(1000)
    inner.resume()
    await vi.advanceTimersByTimeAsync(60_000)
    for (let request = 0; request < 1000; request++) await store.take([charges])
    expect(store.stats().localKeys).toBe(0)
  })

  it('takes from all limits of a request or from none', async () => {
    const { store, inner } = wrapped()
    await startOutage(store, inner)
    const small = { ...one, scope: 'small', limit: { ...tenAnHour, limit: 1 } }
    expect(await store.take([one, small])).toMatchObject([{ allowed: true }, { allowed: true }])
    expect(await store.take([one, small])).toMatchObject([{ allowed: true }, { allowed: false }])
    expect(await store.peek([{ ...one, cost: 0 }])).toMatchObject([{ remaining: 9 }])
  })
})
