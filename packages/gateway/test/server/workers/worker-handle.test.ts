import cluster from 'node:cluster'
import { EventEmitter } from 'node:events'
import { memoryStore } from 'sluice'
import { LocalLines, systemTimers } from 'sluice/internal'
import { expect, it, onTestFinished, vi } from 'vitest'
import { createLog } from '../../../src/server/logging/log.js'
import { broadcast } from '../../../src/server/observability/observer.js'
import { NO_LOAD } from '../../../src/server/observability/server-load.js'
import { WorkerHandle } from '../../../src/server/workers/worker-handle.js'
import type { StartMessage, ToWorker, WorkerConfig } from '../../../src/server/workers/worker-protocol.js'

const config = (text: string): WorkerConfig => ({
  source: { file: 'gateway.yaml', text, variables: {} },
  listen: { host: '127.0.0.1', port: 0 },
  upstream: 'http://127.0.0.1:9',
  acts: [],
  gatewayName: 'sluice-test',
  keysFile: undefined,
  tls: { listen: undefined, upstream: undefined },
})

const start: StartMessage = {
  kind: 'start',
  config: config('first'),
  worker: 1,
  workers: 2,
  reportsEvents: false,
  recordOrigin: { digestKey: new Uint8Array(32), clockOrigin: 0 },
  redactionKey: new Uint8Array(32),
}

/** Creates the handle of a fake worker, which only records the messages that it receives. */
function fakeWorker() {
  const sent: ToWorker[] = []
  const kill = vi.fn<(signal: string) => void>()
  const worker = Object.assign(new EventEmitter(), {
    isConnected: () => true,
    send: (message: ToWorker) => sent.push(message),
    process: { pid: 1, kill },
  })
  const fork = vi.spyOn(cluster, 'fork').mockReturnValue(worker as never)
  onTestFinished(() => fork.mockRestore())
  const handle = new WorkerHandle({
    lines: new LocalLines(systemTimers),
    store: memoryStore(),
    observer: broadcast([]),
    log: createLog(),
    start,
    onDroppedLines: () => {},
    onKeysUsed: () => {},
    onLoad: () => {},
    onSpend: () => {},
    onProcessStats: () => {},
    onStoreStats: () => {},
  })
  handle.listening.catch(() => {})
  return { handle, worker, sent, kill }
}

it('WorkerHandle starts a worker with the latest configuration that was set before the worker was ready', async () => {
  const { handle, worker, sent } = fakeWorker()
  // The listen address of the first configuration is kept.
  const { listen } = config('first')
  await handle.configure({ ...config('second'), listen: { ...listen, port: 8080 } })
  expect(sent).toEqual([])
  worker.emit('message', { kind: 'ready' })
  expect(sent).toEqual([{ ...start, config: config('second') }])
})

it('WorkerHandle kills a worker that does not apply a configuration in time, and then stops waiting for it', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const { handle, worker, kill } = fakeWorker()
  worker.emit('message', { kind: 'ready' })
  const prompt = handle.configure(config('second'))
  worker.emit('message', { kind: 'configured' })
  await prompt
  vi.advanceTimersByTime(60_000)
  expect(kill).not.toHaveBeenCalled()

  const late = handle.configure(config('third'))
  vi.advanceTimersByTime(60_000)
  expect(kill).toHaveBeenCalledWith('SIGKILL')
  worker.emit('exit', null, 'SIGKILL')
  await late
})

it('WorkerHandle.flushRecord waits until the worker has flushed its recording or exited', async () => {
  const { handle, worker, sent } = fakeWorker()
  await handle.flushRecord()
  expect(sent).toEqual([])
  worker.emit('message', { kind: 'ready' })
  const first = handle.flushRecord()
  const second = handle.flushRecord()
  expect(sent.slice(1)).toEqual([{ kind: 'flushRecord' }, { kind: 'flushRecord' }])
  worker.emit('message', { kind: 'recordFlushed' })
  await first
  worker.emit('exit', null, 'SIGKILL')
  await second
})

it('WorkerHandle kills a worker that has sent nothing for about ten seconds', () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const { worker, kill } = fakeWorker()
  worker.emit('message', { kind: 'ready' })
  // Before it listens, a worker may be silent for longer, because busy machines start processes
  // slowly.
  vi.advanceTimersByTime(60_000)
  worker.emit('message', { kind: 'listening', address: {} })
  for (let second = 0; second < 60; second++) {
    vi.advanceTimersByTime(1000)
    worker.emit('message', { kind: 'load', load: NO_LOAD })
  }
  vi.advanceTimersByTime(9000)
  expect(kill).not.toHaveBeenCalled()
  vi.advanceTimersByTime(3000)
  expect(kill).toHaveBeenCalledExactlyOnceWith('SIGKILL')
})

it('WorkerHandle gives a silent worker its grace period to finish requests in flight', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const { handle, worker, kill } = fakeWorker()
  worker.emit('message', { kind: 'ready' })
  worker.emit('message', { kind: 'listening', address: {} })
  const stopped = handle.stop(60_000)
  vi.advanceTimersByTime(60_000)
  expect(kill).not.toHaveBeenCalled()
  worker.emit('exit', 0, null)
  await stopped
})

it('WorkerHandle kills a worker that does not listen within two minutes', () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const { worker, kill } = fakeWorker()
  worker.emit('message', { kind: 'ready' })
  vi.advanceTimersByTime(119_000)
  expect(kill).not.toHaveBeenCalled()
  vi.advanceTimersByTime(2000)
  expect(kill).toHaveBeenCalledExactlyOnceWith('SIGKILL')
})
