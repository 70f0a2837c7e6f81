import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createLimiter } from '../../../src/limiter/limiter.js'
import { withFailurePolicy } from '../../../src/stores/resilience/failure-policy.js'
import { LateResponses } from '../../../src/stores/resilience/late-responses.js'
import type { Charge } from '../../../src/stores/store.js'
import { bucketOfTen, one, slot, tenAnHour } from './charges.js'
import { FaultyStore } from './faulty-store.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

async function takeLate(charges: readonly Charge[]) {
  const inner = new FaultyStore()
  const store = withFailurePolicy(inner, { random: () => 0 })
  inner.mode = 'hangs'
  const response = store.take(charges)
  await vi.advanceTimersByTimeAsync(101)
  const verdicts = await response
  expect(verdicts.every(({ degraded }) => degraded === 'local')).toBe(true)
  return { inner, store }
}

/** Returns the remaining quota of each charge in the store itself. */
async function left(inner: FaultyStore, charges: readonly Charge[]): Promise<number[]> {
  const verdicts = await inner.wrapped.peek(charges.map((charge) => ({ ...charge, cost: 0 })))
  return verdicts.map(({ remaining }) => remaining)
}

describe('a take with a late response', () => {
  const charges = [
    { ...one, cost: 3 },
    { ...one, scope: 'bucket', limit: bucketOfTen, cost: 4 },
    slot('late'),
    { ...one, scope: 'shadow', enforce: false, limit: { ...tenAnHour, limit: 1 }, cost: 2 },
  ]

  it('is refunded if it was admitted, including slots and shadow charges', async () => {
    const { inner, store } = await takeLate(charges)
    expect(await left(inner, charges)).toEqual([10, 10, 2, 1])
    inner.resume()
    // The store has taken the charges.
    expect(await left(inner, charges)).toEqual([7, 6, 1, 1])
    await vi.advanceTimersByTimeAsync(1)
    expect(await left(inner, charges)).toEqual([10, 10, 2, 1])
    expect(inner.calls).toMatchObject({ take: 1, settle: 1 })
    expect(store.stats()).toMatchObject({ timeouts: 1, lateGivenBack: 1, lateAbandoned: 0, state: 'open' })
  })

  it('settles nothing if it was refused or failed', async () => {
    const refused = await takeLate([
      one,
      { ...one, scope: 'full', limit: { ...tenAnHour, limit: 1 }, cost: 2 },
    ])
    refused.inner.resume()
    await vi.advanceTimersByTimeAsync(1)
    expect(refused.inner.calls.settle).toBe(0)
    expect(await left(refused.inner, [one])).toEqual([10])
    const failed = await takeLate([one])
    failed.inner.disconnect()
    await vi.advanceTimersByTimeAsync(1)
    expect(failed.inner.calls.settle).toBe(0)
    expect(failed.store.stats()).toMatchObject({ failures: 0, timeouts: 1 })
  })

  it('is counted as abandoned if it cannot be refunded', async () => {
    for (const settle of [
      () => Promise.reject(new Error('connection reset')),
      () => {
        throw new Error('not connected')
      },
    ]) {
      const { inner, store } = await takeLate([one])
      inner.settle = settle
      inner.resume()
      await vi.advanceTimersByTimeAsync(1)
      expect(store.stats()).toMatchObject({ lateGivenBack: 0, lateAbandoned: 1 })
    }
  })

  it('holds no slot for the request, which was decided locally', async () => {
    const inner = new FaultyStore()
    const store = withFailurePolicy(inner, { random: () => 0 })
    const limiter = createLimiter({ rules: [{ concurrent: 2 }], store })
    inner.mode = 'hangs'
    const decided = [limiter.admit('ann'), limiter.admit('ann'), limiter.admit('ann')]
    await vi.advanceTimersByTimeAsync(101)
    const decisions = await Promise.all(decided)
    expect(decisions.map(({ allowed }) => allowed)).toEqual([true, true, false])
    inner.resume()
    await vi.advanceTimersByTimeAsync(200)
    for (const decision of decisions) if (decision.allowed) decision.permit.release()
    const [first, second, third] = [
      await limiter.admit('ann'),
      await limiter.admit('ann'),
      await limiter.admit('ann'),
    ]
    expect([first, second, third].map(({ allowed, degraded }) => [allowed, degraded])).toEqual([
      [true, undefined],
      [true, undefined],
      [false, undefined],
    ])
  })
})

describe('LateResponses', () => {
  it('awaits at most 1,000 late responses and abandons the oldest', async () => {
    const inner = new FaultyStore()
    const late = new LateResponses(inner)
    const handlers = Array.from({ length: 1500 }, (_, index) =>
      late.handlerFor([{ ...one, key: String(index) }]),
    )
    for (const each of handlers) each.onTimeout()
    expect(late.abandoned).toBe(500)
    const verdict = { allowed: true, at: 0, remaining: 9, resetAfter: 1, retryAfter: 0, moreAfter: 1 }
    for (const each of handlers) each.onValue([verdict])
    await vi.advanceTimersByTimeAsync(0)
    expect(inner.settled).toHaveLength(1000)
    expect(inner.settled[0]?.charge.key).toBe('500')
    expect(late.refunded).toBe(1000)
  })

  it('keeps few pending calls and timers while a store hangs at 500 requests a second', async () => {
    const inner = new FaultyStore()
    const store = withFailurePolicy(inner, { random: () => 0 })
    inner.mode = 'hangs'
    for (let request = 0; request < 5000; request++) {
      const response = store.take([{ ...one, key: `client ${request % 100}` }])
      if (response instanceof Promise) response.catch(() => expect.fail('the take must not reject'))
      await vi.advanceTimersByTimeAsync(2)
    }
    // The calls of the first 100 ms, and then single probes.
    expect(inner.pendingCount).toBeLessThan(70)
    await vi.advanceTimersByTimeAsync(101)
    expect(vi.getTimerCount()).toBe(0)
    expect(store.stats().degraded).toBe(5000)
    inner.resume()
    await vi.advanceTimersByTimeAsync(1)
    expect(store.stats().lateGivenBack).toBe(inner.calls.take)
  })
})
