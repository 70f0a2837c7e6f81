import { deserialize, serialize } from 'node:v8'
import fc from 'fast-check'
import { manualClock, memoryStore } from 'sluice'
import { it } from 'vitest'
import { describeStore } from '../../../../sluice/test/stores/conformance.js'
import { moneyTraces, playMoney } from '../../../../sluice/test/stores/money-levels.js'
import { type RemoteStore, remoteStore } from '../../../src/server/workers/remote-store.js'
import { performCalls } from '../../../src/server/workers/store-server.js'

/** Copies a message as if it were sent to another process. */
function copy<T>(message: T): T {
  return deserialize(serialize(message))
}

/** Returns a store of a worker whose calls another process performs. */
function storeOfWorker(inner: ReturnType<typeof memoryStore>): RemoteStore {
  const store: RemoteStore = remoteStore((calls) => {
    performCalls(inner, copy(calls)).then((replies) => store.onReplies(copy(replies)))
  })
  return store
}

describeStore('the memory of another process', (options) => {
  const clock = manualClock(Date.UTC(2026, 10, 24, 12) + 0.123)
  const inner = memoryStore({ clock, ...options })
  const store = storeOfWorker(inner)
  return {
    store,
    advance: clock.advance,
    setBack: (milliseconds) => clock.advance(-milliseconds),
    keys: () => inner.keys,
    close: store.close,
  }
})

it('workers reserve, settle and refuse the money of organizations, teams and clients like a slow model', async () => {
  await fc.assert(
    fc.asyncProperty(moneyTraces, (trace) =>
      playMoney(trace, (clock) => [storeOfWorker(memoryStore({ clock }))]),
    ),
    { seed: 20_261_203, numRuns: 60 },
  )
})
