import { memoryStore } from '../../../../src/stores/memory/memory-store.js'
import { cacheRefusals } from '../../../../src/stores/redis/refusal-cache/caching-store.js'
import { manualClock } from '../../../../src/time/clock.js'
import { describeStore } from '../../conformance.js'

const LONGEST = 100

describeStore('a memory of refusals before a store', (options) => {
  const clock = manualClock(Date.UTC(2026, 10, 24, 12))
  // The time of this process, which nobody sets back: what becomes of the store's is seen once what is remembered is over.
  const here = manualClock()
  const inside = memoryStore({ clock, ...options })
  return {
    store: cacheRefusals(inside, { longest: LONGEST, clock: here }),
    advance(milliseconds) {
      clock.advance(milliseconds)
      here.advance(milliseconds)
    },
    setBack(milliseconds) {
      clock.advance(-milliseconds)
      here.advance(LONGEST)
    },
    keys: () => inside.keys,
    close: () => inside.close(),
  }
})
