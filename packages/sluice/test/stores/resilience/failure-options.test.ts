import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { memoryStore } from '../../../src/stores/memory/memory-store.js'
import type { FailurePolicyOptions } from '../../../src/stores/resilience/failure-options.js'
import { withFailurePolicy } from '../../../src/stores/resilience/failure-policy.js'
import { wrapped } from './wrapped-store.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('withFailurePolicy', () => {
  it.each([
    [{ policy: 'fail' as 'open' }, /'policy' must be one of open, closed, local/],
    [{ peers: 0 }, /'peers'/],
    [{ peers: 1.5 }, /'peers'/],
    [{ policy: 'open' as const, peers: 2 }, /require the policy 'local'/],
    [{ deadline: 0 }, /is not a duration/],
    [{ deadline: '2 minutes' }, /'deadline' must be between/],
    [{ failures: Number.NaN }, /'failures'/],
    [{ maxWaiting: -1 }, /'maxWaiting'/],
    [{ polcy: 'open' } as FailurePolicyOptions, /no option 'polcy'/],
  ])('names the invalid option in %o', (options, message) => {
    expect(() => withFailurePolicy(memoryStore(), options)).toThrow(message)
  })

  it('closes a hanging store within a second', async () => {
    const { store, inner } = wrapped()
    inner.mode = 'hangs'
    const closed = vi.fn()
    Promise.resolve(store.close()).then(closed)
    await vi.advanceTimersByTimeAsync(1001)
    expect(closed).toHaveBeenCalledOnce()
  })
})
