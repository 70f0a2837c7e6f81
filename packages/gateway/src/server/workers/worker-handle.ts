import cluster, { type Worker } from 'node:cluster'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import type { Store } from 'sluice'
import type { Lines } from 'sluice/internal'
import type { KeyUses } from '../identity/keys/key-store.js'
import type { Log } from '../logging/log.js'
import type { ProcessStats } from '../observability/metrics/process-stats.js'
import type { Observer } from '../observability/observer.js'
import type { ServerLoad } from '../observability/server-load.js'
import type { SpendBatch } from '../spend/spend-ledger.js'
import type { StoreStats } from '../store/store-stats.js'
import { ConnectionHandoff } from './connection-handoff.js'
import { EventReceiver } from './event-receiver.js'
import { LineServer } from './line-server.js'
import { SilenceWatch } from './silence-watch.js'
import { performCalls } from './store-server.js'
import type {
  FromWorker,
  StartMessage,
  ToWorker,
  WorkerConfig,
  WorkerDroppedLines,
} from './worker-protocol.js'

export interface WorkerHandleOptions {
  readonly start: StartMessage
  /** The store that decides for the worker if the state is in memory. */
  readonly store: Store
  /** The lines in which the requests of all workers wait. */
  readonly lines: Lines
  readonly observer: Observer
  readonly log: Log
  /** Called with what requests of the worker have spent. */
  readonly onSpend: (batch: SpendBatch) => void
  readonly onLoad: (load: ServerLoad) => void
  readonly onProcessStats: (stats: ProcessStats) => void
  /** Called with statistics of the worker's own store connection. */
  readonly onStoreStats: (stats: StoreStats) => void
  /** Called with the numbers of lines that the worker dropped since the last call. */
  readonly onKeysUsed: (uses: KeyUses) => void
  readonly onDroppedLines: (dropped: WorkerDroppedLines) => void
}

/** The exit status of a worker. */
export interface WorkerExit {
  readonly pid: number | undefined
  readonly code: number | null
  readonly signal: string | null
}

/** Maximum time for a worker to exit after its grace period. */
const EXIT_TIMEOUT_MS = 5000

/**
 * Maximum time for a worker to start listening. A process can take a long time to start on a busy
 * machine.
 */
const START_TIMEOUT_MS = 120_000

/** Maximum time for a worker to apply a configuration, for which it reads a file or two. */
const CONFIGURE_TIMEOUT_MS = 30_000

/** A worker process as seen by the primary. */
export class WorkerHandle {
  /** The address on which the worker listens. Rejects if the worker cannot listen. */
  readonly listening: Promise<AddressInfo>
  /** Settles when the worker has exited. */
  readonly exited: Promise<WorkerExit>
  /** The connections that the worker receives. */
  readonly handoff: ConnectionHandoff
  /** True if the worker has started listening. */
  hasListened = false
  readonly #worker: Worker
  readonly #options: WorkerHandleOptions
  readonly #events: EventReceiver
  readonly #lines: LineServer
  /** The start message. Its configuration is replaced if a newer one arrives before it is sent. */
  #start: StartMessage
  #isReady = false
  /** Kills a worker that does not listen in time. */
  readonly #startTimeout = setTimeout(() => this.#killHung(), START_TIMEOUT_MS).unref()
  /** Defined once the worker listens. */
  #silence: SilenceWatch | undefined
  #isDraining = false
  #isStopping = false
  readonly #onConfigured: (() => void)[] = []
  readonly #onRecordFlushed: (() => void)[] = []
  #resolveListening: (address: AddressInfo) => void = () => {}
  #rejectListening: (error: Error) => void = () => {}

  /** Starts the worker process. */
  constructor(options: WorkerHandleOptions) {
    this.#options = options
    this.#start = options.start
    this.#events = new EventReceiver(options.observer)
    this.#lines = new LineServer(options.lines, (replies) => this.#send({ kind: 'lineReplies', replies }))
    this.listening = new Promise((resolve, reject) => {
      this.#resolveListening = resolve
      this.#rejectListening = reject
    })
    this.#worker = cluster.fork()
    for (const output of [this.#worker.process.stdout, this.#worker.process.stderr])
      if (output) createInterface(output).on('line', (line) => options.log.relay?.(line))
    this.handoff = new ConnectionHandoff(this.#worker.process)
    this.#worker.on('message', (message: FromWorker) => this.#handleMessage(message))
    this.exited = new Promise((resolve) => {
      this.#worker.once('exit', (code: number | null, signal: string | null) => {
        this.#onExit()
        resolve({ pid: this.#worker.process.pid, code, signal })
      })
    })
  }

  /** The number of the worker, from 1. */
  get number(): number {
    return this.#start.worker
  }

  /**
   * Applies a configuration. Settles when the worker has applied it, will start with it, or has
   * exited. A worker that does not apply the configuration in time is killed, and then replaced.
   */
  async configure(config: WorkerConfig): Promise<void> {
    if (!this.#isReady) {
      this.#start = { ...this.#start, config: { ...config, listen: this.#start.config.listen } }
      return
    }
    const kill = setTimeout(() => this.#worker.process.kill('SIGKILL'), CONFIGURE_TIMEOUT_MS)
    await this.#request({ kind: 'configure', config }, this.#onConfigured)
    clearTimeout(kill)
  }

  /** Settles when the records of all ended requests can be read, or the worker has exited. */
  async flushRecord(): Promise<void> {
    // Before it is ready, the worker has handled no requests.
    if (this.#isReady) await this.#request({ kind: 'flushRecord' }, this.#onRecordFlushed)
  }

  /** Makes the worker send `Connection: close` in all responses, as soon as it listens. */
  drain(): void {
    this.#isDraining = true
    if (this.#isReady) this.#send({ kind: 'drain' })
  }

  /**
   * Stops the worker, and settles when it has exited. A worker that is still running a few seconds
   * after the grace period is killed.
   */
  async stop(gracePeriodMs: number): Promise<void> {
    clearTimeout(this.#startTimeout)
    // A worker reports nothing while it finishes requests in flight.
    this.#silence?.stop()
    this.#isStopping = true
    this.#send({ kind: 'stop', gracePeriodMs })
    const kill = setTimeout(() => this.#worker.process.kill('SIGKILL'), gracePeriodMs + EXIT_TIMEOUT_MS)
    await this.exited
    clearTimeout(kill)
  }

  /** Tells the worker whether requests of any worker wait. */
  setLinesIdle(areIdle: boolean): void {
    if (this.#isReady) this.#lines.setIdle(areIdle)
  }

  #handleMessage(message: FromWorker): void {
    this.#silence?.onMessage()
    switch (message.kind) {
      case 'ready':
        this.#isReady = true
        this.#send(this.#start)
        this.#lines.setIdle(this.#options.lines.areIdle)
        if (this.#isDraining) this.#send({ kind: 'drain' })
        break
      case 'listening':
        clearTimeout(this.#startTimeout)
        this.hasListened = true
        if (!this.#isStopping) this.#silence = new SilenceWatch(() => this.#killHung())
        this.#resolveListening(message.address)
        break
      case 'failed':
        if (this.hasListened) this.#options.log.error({ reason: message.message }, 'worker cannot continue')
        this.#rejectListening(new Error(message.message))
        break
      case 'configured':
        this.#onConfigured.shift()?.()
        break
      case 'recordFlushed':
        this.#onRecordFlushed.shift()?.()
        break
      case 'storeCalls':
        performCalls(this.#options.store, message.calls).then((replies) =>
          this.#send({ kind: 'storeReplies', replies }),
        )
        break
      case 'lineCalls':
        this.#lines.onCalls(message.calls)
        break
      case 'events':
        this.#events.onEvents(message.events)
        break
      case 'spend':
        this.#options.onSpend(message.batch)
        this.#send({ kind: 'spendReceived', sequence: message.batch.sequence })
        break
      case 'load':
        this.#options.onLoad(message.load)
        break
      case 'keysUsed':
        this.#options.onKeysUsed(message.uses)
        break
      case 'process':
        this.#options.onProcessStats(message.stats)
        break
      case 'storeStats':
        this.#options.onStoreStats(message.stats)
        break
      case 'droppedLines':
        this.#options.onDroppedLines(message.dropped)
        break
    }
  }

  #killHung(): void {
    const { pid } = this.#worker.process
    this.#options.log.error({ pid }, 'worker is not responding; starting a replacement')
    this.#worker.process.kill('SIGKILL')
  }

  #onExit(): void {
    clearTimeout(this.#startTimeout)
    this.#silence?.stop()
    this.#rejectListening(new Error('the worker exited before it started to listen'))
    for (const onReply of [...this.#onConfigured.splice(0), ...this.#onRecordFlushed.splice(0)]) onReply()
    this.#events.onExit()
    this.#lines.close()
  }

  /** Sends a message. Settles with the reply, or when the worker is disconnected or has exited. */
  #request(message: ToWorker, onReply: (() => void)[]): Promise<void> {
    return new Promise((resolve) => {
      onReply.push(resolve)
      if (!this.#send(message)) resolve()
    })
  }

  /** @returns false if the worker is disconnected; its exit is handled separately */
  #send(message: ToWorker): boolean {
    if (!this.#worker.isConnected()) return false
    this.#worker.send(message, () => {})
    return true
  }
}
