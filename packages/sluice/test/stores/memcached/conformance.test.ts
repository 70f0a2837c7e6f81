import { afterAll, beforeAll } from 'vitest'
import { manualClock } from '../../../src/time/clock.js'
import { describeStore } from '../conformance.js'
import { type MemcachedServer, startMemcached } from '../servers/memcached.js'
import { storeWithClock } from './store-with-clock.js'

/** A start time with a fraction of a millisecond, which reveals a loss of precision. */
const START = Date.UTC(2026, 10, 24, 12) + 0.123

let server: MemcachedServer
let stores = 0

beforeAll(async () => {
  server = await startMemcached()
})
afterAll(() => server?.stop())

describeStore('memcached', () => {
  const clock = manualClock(START)
  let elapsed = 0
  const store = storeWithClock(server.port, clock, () => elapsed, `suite${stores++}:`)
  return {
    store,
    advance(milliseconds) {
      elapsed += milliseconds
      clock.advance(milliseconds)
    },
    setBack: (milliseconds) => clock.advance(-milliseconds),
    close: () => store.close(),
  }
})
