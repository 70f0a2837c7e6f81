import cluster from 'node:cluster'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Store } from 'sluice'
import type { Lines } from 'sluice/internal'
import type { ListenConfig } from '../../policy/config/config.js'
import type { KeyUses } from '../identity/keys/key-store.js'
import type { Log } from '../logging/log.js'
import type { ProcessStats } from '../observability/metrics/process-stats.js'
import type { Observer } from '../observability/observer.js'
import { createRecordOrigin } from '../observability/recording/record-origin.js'
import { exitedWorkerLoad, NO_LOAD, type ServerLoad, summedLoad } from '../observability/server-load.js'
import type { Runtime } from '../runtime.js'
import type { SpendBatch } from '../spend/spend-ledger.js'
import { exitedWorkerStats, type StoreStats, summedStats } from '../store/store-stats.js'
import { closeSharedPort } from './connection-handoff.js'
import type { Frontend } from './frontend.js'
import { type WorkerExit, WorkerHandle } from './worker-handle.js'
import type { WorkerConfig, WorkerDroppedLines } from './worker-protocol.js'

export interface WorkerPoolOptions {
  readonly runtime: Runtime
  /** The store that decides for all workers if the state is in memory. */
  readonly store: Store
  /** The requests of all workers wait here, so that they have one order. */
  readonly lines: Lines
  readonly observer: Observer
  /** Called with what requests of a worker have spent. */
  readonly onSpend: (batch: SpendBatch) => void
  /** True if workers report events to the observer. */
  readonly reportsEvents: boolean
  /** The key of the digests of clients in logs. */
  readonly redactionKey: Uint8Array
  /** Called with the keys that requests to the workers used. */
  readonly onKeysUsed: (uses: KeyUses) => void
  readonly log: Log
}

/** The delay before a worker that exited is replaced. It doubles with each early exit. */
const MIN_RESTART_DELAY_MS = 100
const MAX_RESTART_DELAY_MS = 10_000
/** A worker that ran this long resets the restart delay. */
const STABLE_AFTER_MS = 10_000

const WORKER_PROGRAM = fileURLToPath(new URL('./worker-main.js', import.meta.url))

/**
 * Accepts requests in as many worker processes as configured.
 *
 * State in memory stays in this process, so that all workers together admit as many requests as one
 * process would.
 * A worker that exits is replaced. Slots that its requests held are freed when their leases expire.
 *
 * @throws Error with a one-line message if the port cannot be opened
 */
export async function startWorkers(options: WorkerPoolOptions): Promise<Frontend> {
  // Workers have separate standard streams, which the primary relays. If they shared its
  // descriptors, each worker would make these blocking when it starts and exits, as every Node
  // process does.
  cluster.setupPrimary({ exec: WORKER_PROGRAM, args: [], serialization: 'advanced', silent: true })
  const pool = new WorkerPool(options)
  try {
    const address = await pool.start()
    return {
      address,
      reload: (runtime) => pool.reload(runtime),
      drain: () => pool.drain(),
      close: (gracePeriodMs) => pool.close(gracePeriodMs),
      setLinesIdle: (areIdle) => pool.setLinesIdle(areIdle),
      load: () => pool.load(),
      storeStats: () => pool.storeStats(),
      processes: () => pool.processes(),
      flushRecord: () => pool.flushRecord(),
      droppedLines: () => pool.droppedLines(),
    }
  } catch (error) {
    await pool.close(0)
    throw error
  }
}

class WorkerPool {
  readonly #options: WorkerPoolOptions
  readonly #workers = new Set<WorkerHandle>()
  /** Statistics of the workers' own store connections. */
  readonly #storeStats = new Map<WorkerHandle, StoreStats>()
  /** The sum of the counts of workers that exited; at most one element. */
  readonly #exitedStats: StoreStats[] = []
  readonly #processes = new Map<WorkerHandle, ProcessStats>()
  readonly #loads = new Map<WorkerHandle, ServerLoad>()
  #exitedLoad = NO_LOAD
  #droppedLines: WorkerDroppedLines = { log: 0, access: 0, record: 0 }
  readonly #recordOrigin = createRecordOrigin()
  /**
   * Workers that were started with port 0. Node identifies the socket that workers share by the
   * requested port, so a replacement must request port 0 while one of these holds the socket.
   */
  readonly #onPortZero = new Set<WorkerHandle>()
  #lastStartError: string | undefined
  #listen: ListenConfig
  #config: WorkerConfig
  #restartDelayMs = MIN_RESTART_DELAY_MS
  /** Timers of pending replacements. */
  readonly #restarts = new Set<NodeJS.Timeout>()
  #isDraining = false
  #isStopping = false

  constructor(options: WorkerPoolOptions) {
    this.#options = options
    this.#listen = options.runtime.config.listen
    this.#config = workerConfig(options.runtime, this.#listen)
  }

  /** Starts all workers. Rejects if one of them cannot start. */
  async start(): Promise<AddressInfo> {
    const { workers } = this.#options.runtime.config
    const addresses = await Promise.all(Array.from({ length: workers }, () => this.#spawn().listening))
    const [address] = addresses as [AddressInfo]
    // If the system chose the port, it is kept from now on.
    this.#listen = { ...this.#listen, port: address.port }
    this.#config = { ...this.#config, listen: this.#listen }
    return address
  }

  setLinesIdle(areIdle: boolean): void {
    for (const worker of this.#workers) worker.setLinesIdle(areIdle)
  }

  load(): ServerLoad {
    return summedLoad([this.#exitedLoad, ...this.#loads.values()])
  }

  processes(): readonly (readonly [process: string, ProcessStats])[] {
    return [...this.#processes].map(([{ number }, stats]) => [`worker-${number}`, stats])
  }

  storeStats(): readonly StoreStats[] {
    return [...this.#exitedStats, ...this.#storeStats.values()]
  }

  droppedLines(): WorkerDroppedLines {
    return this.#droppedLines
  }

  async flushRecord(): Promise<void> {
    await Promise.all([...this.#workers].map((worker) => worker.flushRecord()))
  }

  async reload(runtime: Runtime): Promise<void> {
    this.#config = workerConfig(runtime, this.#listen)
    await Promise.all([...this.#workers].map((worker) => worker.configure(this.#config)))
  }

  drain(): void {
    this.#isDraining = true
    for (const worker of this.#workers) worker.drain()
  }

  async close(gracePeriodMs: number): Promise<void> {
    this.#isStopping = true
    for (const restart of this.#restarts) clearTimeout(restart)
    const workers = [...this.#workers]
    await closeSharedPort(workers.map(({ handoff }) => handoff))
    await Promise.all(workers.map((worker) => worker.stop(gracePeriodMs)))
  }

  #spawn(): WorkerHandle {
    const { runtime, reportsEvents, log, store, lines, observer, onSpend } = this.#options
    const { workers } = runtime.config
    const port = this.#onPortZero.size > 0 ? 0 : this.#listen.port
    const config = { ...this.#config, listen: { ...this.#listen, port } }
    const worker: WorkerHandle = new WorkerHandle({
      ...{ store, lines, observer, log, onSpend },
      start: {
        ...{ kind: 'start', config, worker: this.#freeNumber(), workers, reportsEvents },
        recordOrigin: this.#recordOrigin,
        redactionKey: this.#options.redactionKey,
      },
      onLoad: (load) => this.#loads.set(worker, load),
      onKeysUsed: this.#options.onKeysUsed,
      onProcessStats: (stats) => this.#processes.set(worker, stats),
      onStoreStats: (stats) => this.#storeStats.set(worker, stats),
      onDroppedLines: ({ log, access, record }) => {
        const before = this.#droppedLines
        this.#droppedLines = {
          log: before.log + log,
          access: before.access + access,
          record: before.record + record,
        }
      },
    })
    this.#workers.add(worker)
    if (this.#isDraining) worker.drain()
    if (port === 0) this.#onPortZero.add(worker)
    const startedAt = performance.now()
    // The callers of `#spawn` handle the rejection.
    worker.listening.catch(() => {})
    worker.exited.then((exit) => {
      this.#forget(worker)
      if (worker.hasListened) this.#onExit(exit, performance.now() - startedAt)
    })
    return worker
  }

  /** Returns the lowest number, from 1, that no running worker has. */
  #freeNumber(): number {
    const used = new Set([...this.#workers].map(({ number }) => number))
    let number = 1
    while (used.has(number)) number++
    return number
  }

  /** Removes a worker that exited, and keeps its counts. */
  #forget(worker: WorkerHandle): void {
    this.#workers.delete(worker)
    this.#onPortZero.delete(worker)
    this.#processes.delete(worker)
    const load = this.#loads.get(worker)
    this.#loads.delete(worker)
    if (load !== undefined) this.#exitedLoad = summedLoad([this.#exitedLoad, exitedWorkerLoad(load)])
    const stats = this.#storeStats.get(worker)
    this.#storeStats.delete(worker)
    if (stats !== undefined)
      this.#exitedStats.splice(0, 1, summedStats([...this.#exitedStats, exitedWorkerStats(stats)]))
  }

  #onExit(exit: WorkerExit, uptimeMs: number): void {
    if (!this.#isStopping) this.#options.log.error(exit, 'worker exited; starting a replacement')
    this.#replace(uptimeMs)
  }

  /** @param uptimeMs how long the replaced worker ran */
  #replace(uptimeMs: number): void {
    if (this.#isStopping) return
    this.#restartDelayMs =
      uptimeMs > STABLE_AFTER_MS
        ? MIN_RESTART_DELAY_MS
        : Math.min(this.#restartDelayMs * 2, MAX_RESTART_DELAY_MS)
    const restart = setTimeout(() => {
      this.#restarts.delete(restart)
      const worker = this.#spawn()
      worker.listening.then(
        ({ port }) => this.#onReplaced(worker, port),
        // Its number is free once it has exited.
        (error: Error) => worker.exited.then(() => this.#onStartFailed(error)),
      )
    }, this.#restartDelayMs)
    this.#restarts.add(restart)
  }

  #onReplaced(worker: WorkerHandle, port: number): void {
    this.#lastStartError = undefined
    // The last holder of the port has exited in the meantime, so the system chose another port.
    if (port !== this.#listen.port) void worker.stop(0)
  }

  #onStartFailed({ message }: Error): void {
    if (!this.#isStopping && message !== this.#lastStartError)
      this.#options.log.error({ reason: message }, 'replacement worker cannot start; trying again')
    this.#lastStartError = message
    this.#replace(0)
  }
}

function workerConfig(runtime: Runtime, listen: ListenConfig): WorkerConfig {
  const { config, acts, gatewayName, keysFile, tls } = runtime
  const { source, upstream } = config
  return { source, listen, upstream, acts, gatewayName, keysFile, tls }
}
