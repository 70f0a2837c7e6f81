import { deserialize, serialize } from 'node:v8'
import { manualClock, memoryStore } from 'sluice'
import { describeStore } from '../../../../sluice/test/stores/conformance.js'
import { type RemoteStore, remoteStore } from '../../../src/server/workers/remote-store.js'
import { answerCalls } from '../../../src/server/workers/store-server.js'

/** As messages between processes are: what arrives is a copy. */
function sent<T>(message: T): T {
  return deserialize(serialize(message))
}

describeStore('memory of another process', (options) => {
  const clock = manualClock(Date.UTC(2026, 10, 24, 12) + 0.123)
  const held = memoryStore({ clock, ...options })
  const store: RemoteStore = remoteStore((calls) => {
    answerCalls(held, sent(calls)).then((answers) => store.answered(sent(answers)))
  })
  return {
    store,
    advance: clock.advance,
    setBack: (milliseconds) => clock.advance(-milliseconds),
    keys: () => held.keys,
    close: store.close,
  }
})
