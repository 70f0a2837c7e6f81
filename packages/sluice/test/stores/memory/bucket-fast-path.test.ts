import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { TokenBucketLimit } from '../../../src/limits/limit.js'
import { memoryStore } from '../../../src/stores/memory/memory-store.js'
import type { Charge } from '../../../src/stores/store.js'
import { manualClock } from '../../../src/time/clock.js'
import { bucket, charge } from '../conformance/harness.js'

/** A shadow charge that disables the fast path. */
const SHADOW = charge(bucket(), 0, 'key', { scope: 'shadow', enforce: false })

describe('BucketFastPath', () => {
  it('decides exactly as Judgement does', () => {
    const limits: TokenBucketLimit[] = [bucket(4, 1000), bucket(4, 1000, 7.5), bucket(0.3, 5000, 2)]
    const one = fc.record({
      scope: fc.constantFrom('a', 'b', 'c'),
      key: fc.constantFrom('x', 'y', 'z'),
      limit: fc.nat(limits.length - 1),
      cost: fc.constantFrom(1, 1, 2, 0.5, 8),
    })
    const step = fc.record({
      wait: fc.oneof(fc.nat(300), fc.nat(20_000), fc.integer({ min: -2000, max: 0 })),
      charges: fc.array(one, { minLength: 1, maxLength: 4 }),
      reset: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.constantFrom(2, 5, 100), (steps, maxKeys) => {
        const clock = manualClock(1e12)
        const [quick, slow] = [memoryStore({ clock, maxKeys }), memoryStore({ clock, maxKeys })]
        for (const { wait, charges, reset } of steps) {
          clock.advance(wait)
          const plain = charges.map(({ scope, key, limit, cost }): Charge => {
            return charge(limits[limit] as TokenBucketLimit, cost, key, { scope })
          })
          // A shadow charge also collects due keys.
          const verdicts = slow.take([...plain, SHADOW]).slice(0, -1)
          expect(quick.take(plain)).toEqual(verdicts)
          if (reset) for (const store of [quick, slow]) store.reset('a', 'x')
        }
      }),
      { seed: 20261126, numRuns: 300 },
    )
  })

  it('counts correctly with more limits than there are ids', () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    for (let round = 0; round < 2; round++) {
      for (let key = 0; key < 600; key++) {
        const limit = bucket(1000 + key, 60_000)
        const [verdict] = store.take([charge(limit, 100, `key ${key}`)])
        expect(verdict?.remaining).toBe(1000 + key - 100 * (round + 1))
      }
    }
    clock.advance(60_000)
    for (let call = 0; call < 100; call++) store.peek([charge(bucket(), 0, 'other')])
    expect(store.keys).toBe(0)
    // The ids are free again.
    expect(store.take([charge(bucket(9, 60_000), 1)])[0]?.remaining).toBe(8)
  })
})
