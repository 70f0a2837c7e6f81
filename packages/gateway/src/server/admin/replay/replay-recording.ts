import { Worker } from 'node:worker_threads'
import type { GatewayConfig } from '../../../policy/config/config.js'
import type { ReportPage } from '../../../replay/html/fill-template.js'
import { TraceError } from '../../../replay/trace/trace-request.js'
import type { Recorder } from '../../observability/recording/recorder.js'
import type { ReplayProgress } from '../api/replay-types.js'
import { QuestionError, type ReplayQuestion } from './replay-request.js'
import type { ThreadLine, ThreadTask } from './replay-thread.js'

interface ReplayWatch {
  /** The question makes sense, and is being answered. */
  readonly onBegun: () => void
  readonly onProgress: (progress: ReplayProgress) => void
  /** Ends it: nobody waits for it any more. */
  readonly signal: AbortSignal
}

/** Replays the record. Rejects with a QuestionError for a configuration that is wrong, with a TraceError where there is nothing to replay, and where it is ended. */
export type RecordReplay = (question: ReplayQuestion, watch: ReplayWatch) => Promise<ReportPage>

const THREAD = new URL('./replay-thread.js', import.meta.url)
const HOUR = 3_600_000

/** A replay works without a pause: it has a thread of its own, so that no request waits for it. */
export function replayRecording(
  recorder: Pick<Recorder, 'flush'>,
  config: () => GatewayConfig,
): RecordReplay {
  return async (question, watch) => {
    await unlessAborted(recorder.flush(), watch.signal)
    const { source, record } = config()
    if (record === undefined) throw new TraceError('nothing is recorded any more')
    const { hours } = question
    // By the clock that requests are recorded with, which no change of the system's clock moves.
    const now = performance.timeOrigin + performance.now()
    const since = hours === undefined ? undefined : now - hours * HOUR
    return inThread({ record, running: source, question, since }, watch)
  }
}

/** A disk that hangs is waited for as long as somebody waits for the replay, and no longer: then another may be asked for. */
function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    work.then(resolve, reject)
  })
}

async function inThread(task: ThreadTask, { onBegun, onProgress, signal }: ReplayWatch): Promise<ReportPage> {
  signal.throwIfAborted()
  // Options of this process, such as --input-type, may be none that a thread can have.
  const thread = new Worker(THREAD, { workerData: task, execArgv: [] })
  let hasLoaded = false
  // A thread that is ended while it loads its modules leaves their files open: a hundred each time.
  const stop = () => {
    if (hasLoaded) void thread.terminate()
  }
  signal.addEventListener('abort', stop)
  try {
    return await new Promise<ReportPage>((resolve, reject) => {
      thread.on('message', (line: ThreadLine) => {
        if ('loaded' in line) {
          hasLoaded = true
          if (signal.aborted) stop()
        } else if ('begun' in line) onBegun()
        else if ('wrong' in line) reject(new QuestionError(line.wrong))
        else if ('progress' in line) onProgress(line.progress)
        else if ('page' in line) resolve(line.page)
        else reject(new TraceError(line.error))
      })
      thread.once('error', reject)
      thread.once('exit', () => reject(new Error('the replay ended without a report')))
    })
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
