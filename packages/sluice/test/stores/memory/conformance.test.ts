import { memoryStore } from '../../../src/stores/memory/memory-store.js'
import { manualClock } from '../../../src/time/clock.js'
import { describeStore } from '../conformance.js'

/** A moment of these days with a fraction: what is too coarse for such a number shows. */
const START = Date.UTC(2026, 10, 24, 12) + 0.123

describeStore('memory', (options) => {
  const clock = manualClock(START)
  const store = memoryStore({ clock, ...options })
  return {
    store,
    advance: clock.advance,
    setBack: (milliseconds) => clock.advance(-milliseconds),
    // A key that is over is collected by the decisions after it; the suite makes some.
    keys: () => store.keys,
    close: store.close,
  }
})
