import { deserialize, serialize } from 'node:v8'
import { manualClock, memoryStore } from 'sluice'
import { describeStore } from '../../../../sluice/test/stores/conformance.js'
import { type RemoteStore, remoteStore } from '../../../src/server/workers/remote-store.js'
import { performCalls } from '../../../src/server/workers/store-server.js'

/** Copies a message as if it were sent to another process. */
function copy<T>(message: T): T {
  return deserialize(serialize(message))
}

describeStore('the memory of another process', (options) => {
  const clock = manualClock(Date.UTC(2026, 10, 24, 12) + 0.123)
  const inner = memoryStore({ clock, ...options })
  const store: RemoteStore = remoteStore((calls) => {
    performCalls(inner, copy(calls)).then((replies) => store.onReplies(copy(replies)))
  })
  return {
    store,
    advance: clock.advance,
    setBack: (milliseconds) => clock.advance(-milliseconds),
    keys: () => inner.keys,
    close: store.close,
  }
})
