import { expect, it } from 'vitest'
import { replayRecording } from '../../../src/server/admin/replay/replay-recording.js'

it('ends where nobody waits for it any more, also while the disk hangs', async () => {
  const hanging = { flush: () => new Promise<void>(() => {}) }
  const replay = replayRecording(hanging, () => {
    throw new Error('nothing was flushed')
  })
  const gone = new AbortController()
  const asked = replay(
    { hours: undefined, posted: undefined, wish: undefined },
    { onBegun: () => {}, onProgress: () => {}, signal: gone.signal },
  )
  gone.abort(new Error('nobody waits'))
  await expect(asked).rejects.toThrow('nobody waits')
})
