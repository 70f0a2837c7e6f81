import { deserialize, serialize } from 'node:v8'
import { manualClock, memoryStore } from 'sluice'
import { describeStore } from '../../../../sluice/test/stores/conformance.js'
import { type RemoteStore, remoteStore } from '../../../src/server/workers/remote-store.js'
import { performCalls } from '../../../src/server/workers/store-server.js'

/** Copies a message as sending it to another process does. */
function copied<T>(message: T): T {
  return deserialize(serialize(message))
}

describeStore('memory of another process', (options) => {
  const clock = manualClock(Date.UTC(2026, 10, 24, 12) + 0.123)
  const held = memoryStore({ clock, ...options })
  const store: RemoteStore = remoteStore((calls) => {
    performCalls(held, copied(calls)).then((replies) => store.onReplies(copied(replies)))
  })
  return {
    store,
    advance: clock.advance,
    setBack: (milliseconds) => clock.advance(-milliseconds),
    keys: () => held.keys,
    close: store.close,
  }
})
