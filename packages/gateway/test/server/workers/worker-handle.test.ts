import cluster from 'node:cluster'
import { EventEmitter } from 'node:events'
import { memoryStore } from 'sluice'
import { expect, it, onTestFinished, vi } from 'vitest'
import { createLog } from '../../../src/server/logging/log.js'
import { broadcast } from '../../../src/server/observability/observer.js'
import { NO_LOAD } from '../../../src/server/observability/server-load.js'
import { Member } from '../../../src/server/workers/worker-handle.js'
import type { Orders, ToWorker } from '../../../src/server/workers/worker-protocol.js'

const orders = (text: string): Orders => ({
  source: { file: 'gateway.yaml', text },
  listen: { host: '127.0.0.1', port: 0 },
  upstream: 'http://127.0.0.1:9',
  overrides: new Map(),
  gatewayName: 'sluice-test',
  keys: undefined,
})

/** A process that only notes what it is told. */
function member() {
  const told: ToWorker[] = []
  const kill = vi.fn<(signal: string) => void>()
  const worker = Object.assign(new EventEmitter(), {
    isConnected: () => true,
    send: (message: ToWorker) => told.push(message),
    process: { pid: 1, kill },
  })
  const fork = vi.spyOn(cluster, 'fork').mockReturnValue(worker as never)
  onTestFinished(() => fork.mockRestore())
  const made = new Member({
    store: memoryStore(),
    observer: broadcast([]),
    log: createLog(),
    droppedLogLines: () => {},
    begin: { kind: 'begin', orders: orders('first'), workers: 2, observed: false },
    load: () => {},
    figures: () => {},
  })
  made.listening.catch(() => {})
  return { made, worker, told, kill }
}

it('orders that come before a worker has begun are those that it begins with', async () => {
  const { made, worker, told } = member()
  // It listens where it was told to at first.
  const { listen } = orders('first')
  await made.follow({ ...orders('second'), listen: { ...listen, port: 8080 } })
  expect(told).toEqual([])
  worker.emit('message', { kind: 'ready' })
  expect(told).toEqual([{ kind: 'begin', orders: orders('second'), workers: 2, observed: false }])
})

it('a worker that does not follow is ended, and is waited for no longer', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const { made, worker, kill } = member()
  worker.emit('message', { kind: 'ready' })
  const prompt = made.follow(orders('second'))
  worker.emit('message', { kind: 'followed' })
  await prompt
  vi.advanceTimersByTime(60_000)
  expect(kill).not.toHaveBeenCalled()

  const late = made.follow(orders('third'))
  vi.advanceTimersByTime(60_000)
  expect(kill).toHaveBeenCalledWith('SIGKILL')
  worker.emit('exit', null, 'SIGKILL')
  await late
})

it('kills a worker that has sent nothing for about ten seconds', () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const { worker, kill } = member()
  worker.emit('message', { kind: 'ready' })
  // It may take as long as it needs to start.
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

it('leaves a silent worker its time to finish what is in flight', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const { made, worker, kill } = member()
  worker.emit('message', { kind: 'ready' })
  worker.emit('message', { kind: 'listening', address: {} })
  const stopped = made.stop(60_000)
  vi.advanceTimersByTime(60_000)
  expect(kill).not.toHaveBeenCalled()
  worker.emit('exit', 0, null)
  await stopped
})
