import { expect, it } from 'vitest'
import { replayRecording } from '../../../src/server/admin/replay/replay-recording.js'

it('replayRecording stops when its signal aborts, even while the disk hangs', async () => {
  const hanging = { flush: () => new Promise<void>(() => {}) }
  const replay = replayRecording(hanging, () => {
    throw new Error('the flush never ends')
  })
  const controller = new AbortController()
  const result = replay(
    { hours: undefined, posted: undefined, objective: undefined },
    { onBegun: () => {}, onProgress: () => {}, signal: controller.signal },
  )
  controller.abort(new Error('disconnected'))
  await expect(result).rejects.toThrow('disconnected')
})
