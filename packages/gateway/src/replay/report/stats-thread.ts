import { Worker } from 'node:worker_threads'
import type { Batch } from '../stats/pipeline/batch-protocol.js'
import type { ReportContext, Reports } from './aggregator.js'

export type ToThread =
  | { readonly batch: Batch }
  | { readonly context: ReportContext }
  | { readonly end: true }
export type FromThread = { readonly spare: Float64Array<ArrayBuffer> } | { readonly reports: Reports }

const THREAD = new URL('./stats-thread-main.js', import.meta.url)

/**
 * Maximum number of batches in flight to the thread (16 MB). Beyond it the producer blocks; with 16
 * batches it was blocked 10 % of the time.
 */
const MAX_IN_FLIGHT = 128

/** Runs an `Aggregator` in a separate thread. */
export class StatsThread {
  // Node options of this process may be invalid for a worker: `--input-type` would keep it from
  // starting.
  readonly #thread = new Worker(THREAD, { execArgv: [] })
  readonly #ended = new Promise((resolve) => this.#thread.once('exit', resolve))
  readonly #onSpare: (numbers: Float64Array<ArrayBuffer>) => void
  #inFlight = 0
  #failure: Error | undefined
  #resume: (() => void) | undefined
  #resolveReports: ((reports: Reports) => void) | undefined
  #reject: ((error: Error) => void) | undefined

  /** @param onSpare receives arrays that can be reused for new batches */
  constructor(onSpare: (numbers: Float64Array<ArrayBuffer>) => void) {
    this.#onSpare = onSpare
    this.#thread.on('message', (message: FromThread) => this.#onMessage(message))
    this.#thread.on('error', (error) => this.#onError(error))
    this.#thread.once('exit', () => this.#onError(new Error('the statistics thread exited unexpectedly')))
  }

  add(batch: Batch): void {
    this.#inFlight++
    this.#post({ batch }, [batch.numbers.buffer])
  }

  /** Resolves when another batch can be accepted. Returns undefined if one can be accepted now. */
  ready(): Promise<void> | undefined {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.#inFlight < MAX_IN_FLIGHT) return undefined
    return new Promise((resolve, reject) => {
      this.#resume = resolve
      this.#reject = reject
    })
  }

  report(context: ReportContext): Promise<Reports> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    return new Promise((resolve, reject) => {
      this.#resolveReports = resolve
      this.#reject = reject
      this.#post({ context })
    })
  }

  /**
   * Resolves once the thread has exited, even after an error. The thread first processes its
   * messages, since terminating it while it loads modules would leave their files open.
   */
  async end(): Promise<void> {
    this.#post({ end: true })
    await this.#ended
  }

  #onMessage(message: FromThread): void {
    if ('reports' in message) this.#resolveReports?.(message.reports)
    else {
      this.#inFlight--
      this.#onSpare(message.spare)
      this.#resume?.()
    }
  }

  #onError(error: Error): void {
    this.#failure ??= error
    this.#reject?.(error)
  }

  #post(message: ToThread, transfer: readonly ArrayBuffer[] = []): void {
    this.#thread.postMessage(message, transfer)
  }
}
