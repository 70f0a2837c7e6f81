import { Worker } from 'node:worker_threads'
import type { GatewayConfig } from '../../config/config.js'
import type { Recorder } from '../../record/recorder.js'
import { TraceError } from '../../replay/trace/trace-request.js'
import type { ThreadAnswer, ThreadTask } from './replay-thread.js'

/**
 * Replays the record. Resolves with the report, or with a comparison where another configuration is given; rejects with a TraceError
 * where there is nothing to replay.
 */
export type RecordReplay = (posted: string | undefined) => Promise<object>

const THREAD = new URL('./replay-thread.js', import.meta.url)

/** A replay works without a pause: it has a thread of its own, so that no request waits for it. */
export function recordReplay(recorder: Recorder, config: () => GatewayConfig): RecordReplay {
  return async (posted) => {
    await recorder.flush()
    const { source, record } = config()
    if (record === undefined) throw new TraceError('nothing is recorded any more')
    const task: ThreadTask = { record, running: source, posted }
    const answer = await new Promise<ThreadAnswer>((resolve, reject) => {
      const thread = new Worker(THREAD, { workerData: task })
      thread.once('message', resolve)
      thread.once('error', reject)
      thread.once('exit', () => reject(new Error('the replay ended without a report')))
    })
    if ('failure' in answer) throw new TraceError(answer.failure)
    return answer.report
  }
}
