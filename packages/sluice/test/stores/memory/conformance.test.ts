import { memoryStore } from '../../../src/stores/memory/memory-store.js'
import { manualClock } from '../../../src/time/clock.js'
import { describeStore } from '../conformance.js'

/** A start time with a fraction of a millisecond, which reveals a loss of precision. */
const START = Date.UTC(2026, 10, 24, 12) + 0.123

describeStore('memory', (options) => {
  const clock = manualClock(START)
  const store = memoryStore({ clock, ...options })
  return {
    store,
    advance: clock.advance,
    setBack: (milliseconds) => clock.advance(-milliseconds),
    // Later decisions collect expired keys.
    keys: () => store.keys,
    close: store.close,
  }
})
