import { expect, it } from 'vitest'
import { memoryStore } from '../../../src/stores/memory/memory-store.js'
import { manualClock } from '../../../src/time/clock.js'
import { bucket, charge } from '../conformance/harness.js'

it('the memory store counts correctly with more limits than there are IDs', () => {
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
  // The IDs are free again.
  expect(store.take([charge(bucket(9, 60_000), 1)])[0]?.remaining).toBe(8)
})
