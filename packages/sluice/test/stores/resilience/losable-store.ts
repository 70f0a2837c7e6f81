import { expect, vi } from 'vitest'
import type { FailurePolicyOptions } from '../../../src/stores/resilience/failure-options.js'
import { withFailurePolicy } from '../../../src/stores/resilience/failure-policy.js'
import type { Charge } from '../../../src/stores/store.js'
import { one } from './charges.js'
import { FaultyStore } from './faulty-store.js'

/**
 * Returns a store whose first failure opens the breaker, with functions that start and end an
 * outage.
 */
export function storeWithOutages(options: FailurePolicyOptions = {}) {
  const inner = new FaultyStore()
  const store = withFailurePolicy(inner, { random: () => 0, failures: 1, ...options })
  const startOutage = async () => {
    inner.mode = 'refuses'
    await Promise.resolve(store.peek([one])).catch(() => {})
    expect(store.stats().state).toBe('open')
  }
  const endOutage = async () => {
    inner.resume()
    await vi.advanceTimersByTimeAsync(1000)
    await store.peek([one])
    expect(store.stats().state).toBe('closed')
    await vi.advanceTimersByTimeAsync(1)
  }
  const left = async (charge: Charge) => (await inner.wrapped.peek([{ ...charge, cost: 0 }]))[0]?.remaining
  return { inner, store, startOutage, endOutage, left }
}
