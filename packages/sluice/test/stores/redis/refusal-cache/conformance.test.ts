import { memoryStore } from '../../../../src/stores/memory/memory-store.js'
import { cacheRefusals } from '../../../../src/stores/redis/refusal-cache/caching-store.js'
import { manualClock } from '../../../../src/time/clock.js'
import { describeStore } from '../../conformance.js'

const MAX_AGE_MS = 100

describeStore('a store with a refusal cache', (options) => {
  const clock = manualClock(Date.UTC(2026, 10, 24, 12))
  // The cache uses its own clock, which is never set back. A change of the store's clock takes
  // effect once the cached entries have expired.
  const cacheClock = manualClock()
  const inner = memoryStore({ clock, ...options })
  return {
    store: cacheRefusals(inner, { maxAgeMs: MAX_AGE_MS, clock: cacheClock }),
    advance(milliseconds) {
      clock.advance(milliseconds)
      cacheClock.advance(milliseconds)
    },
    setBack(milliseconds) {
      clock.advance(-milliseconds)
      cacheClock.advance(MAX_AGE_MS)
    },
    keys: () => inner.keys,
    close: () => inner.close(),
  }
})
