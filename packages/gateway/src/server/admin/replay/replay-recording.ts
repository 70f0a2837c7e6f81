import { Worker } from 'node:worker_threads'
import type { GatewayConfig } from '../../../policy/config/config.js'
import type { ReportPage } from '../../../replay/html/fill-template.js'
import { TraceError } from '../../../replay/trace/trace-request.js'
import type { Recorder } from '../../observability/recording/recorder.js'
import type { ReplayProgress } from '../api/replay-types.js'
import { type ReplayRequest, ReplayRequestError } from './replay-request.js'
import type { ThreadLine, ThreadTask } from './replay-thread.js'

interface ReplayMonitor {
  /** Called once the request is valid and the replay has started. */
  readonly onBegun: () => void
  readonly onProgress: (progress: ReplayProgress) => void
  /** Aborts when the client disconnects, which stops the replay. */
  readonly signal: AbortSignal
}

/**
 * Replays the recorded traffic. Rejects with a ReplayRequestError for an invalid configuration,
 * with a TraceError if there is nothing to replay, and when the signal aborts.
 */
export type RecordReplay = (request: ReplayRequest, monitor: ReplayMonitor) => Promise<ReportPage>

const THREAD = new URL('./replay-thread.js', import.meta.url)
const HOUR_MS = 3_600_000

/**
 * Returns a function that replays the record in a separate thread, so that requests are not
 * delayed.
 */
export function replayRecording(
  recorder: Pick<Recorder, 'flush'>,
  config: () => GatewayConfig,
): RecordReplay {
  return async (request, monitor) => {
    await unlessAborted(recorder.flush(), monitor.signal)
    const { source, record } = config()
    if (record === undefined) throw new TraceError('recording was turned off')
    const { hours } = request
    // Requests are recorded with this clock, which ignores changes of the system clock.
    const now = performance.timeOrigin + performance.now()
    const since = hours === undefined ? undefined : now - hours * HOUR_MS
    return inThread({ record, running: source, request, since }, monitor)
  }
}

/** Waits for work that may hang because of the disk. Rejects when the signal aborts. */
function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    work.then(resolve, reject)
  })
}

async function inThread(
  task: ThreadTask,
  { onBegun, onProgress, signal }: ReplayMonitor,
): Promise<ReportPage> {
  signal.throwIfAborted()
  // Worker threads reject some options of a process, such as --input-type.
  const thread = new Worker(THREAD, { workerData: task, execArgv: [] })
  let hasLoaded = false
  // Terminating a thread while it loads its modules would leak their open files.
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
        else if ('invalid' in line) reject(new ReplayRequestError(line.invalid))
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
