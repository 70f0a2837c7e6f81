import { memoryStore } from '../../../../src/stores/memory/memory-store.js'
import { cacheRefusals } from '../../../../src/stores/redis/refusal-cache/caching-store.js'
import { manualClock } from '../../../../src/time/clock.js'
import { describeStore } from '../../conformance.js'

const MAX_AGE_MS = 100

describeStore('a memory of refusals before a store', (options) => {
  const clock = manualClock(Date.UTC(2026, 10, 24, 12))
  // The cache uses its own clock, which is never set back. Changes of the store's clock show after
  // an entry has expired.
  const here = manualClock()
  const inside = memoryStore({ clock, ...options })
  return {
    store: cacheRefusals(inside, { maxAgeMs: MAX_AGE_MS, clock: here }),
    advance(milliseconds) {
      clock.advance(milliseconds)
      here.advance(milliseconds)
    },
    setBack(milliseconds) {
      clock.advance(-milliseconds)
      here.advance(MAX_AGE_MS)
    },
    keys: () => inside.keys,
    close: () => inside.close(),
  }
})
