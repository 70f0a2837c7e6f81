import { expect, vi } from 'vitest'
import type {
  FailurePolicyOptions,
  StoreStateChange,
} from '../../../src/stores/resilience/failure-options.js'
import { type FailurePolicyStore, withFailurePolicy } from '../../../src/stores/resilience/failure-policy.js'
import type { MaybePromise } from '../../../src/stores/store.js'
import { one } from './charges.js'
import { FaultyStore } from './faulty-store.js'

/** Returns the result of an operation and checks that it settles within the deadline. */
export async function outcomeOf<T>(operation: () => MaybePromise<T>): Promise<T> {
  let isSettled = false
  const onSettled = () => {
    isSettled = true
  }
  const result = (async () => operation())()
  result.then(onSettled, onSettled)
  await vi.advanceTimersByTimeAsync(101)
  expect(isSettled, 'settled within the deadline').toBe(true)
  return result
}

/** Makes the store hang until the breaker is open. */
export async function startOutage(store: FailurePolicyStore, inner: FaultyStore): Promise<void> {
  inner.mode = 'hangs'
  await outcomeOf(() => store.peek([one])).catch(() => {})
  expect(store.stats().state).toBe('open')
}

/** Returns a faulty store with a failure policy, and the state changes that it reports. */
export function wrapped(options: FailurePolicyOptions = {}) {
  const inner = new FaultyStore()
  const changes: StoreStateChange[] = []
  const store = withFailurePolicy(inner, {
    random: () => 0,
    onStateChange: (change) => changes.push(change),
    ...options,
  })
  return { inner, store, changes }
}
