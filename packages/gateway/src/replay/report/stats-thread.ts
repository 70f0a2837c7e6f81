import { Worker } from 'node:worker_threads'
import type { Batch } from '../stats/pipeline/batch-protocol.js'
import type { Closing, Reports } from './aggregator.js'

export type ToThread = { readonly batch: Batch } | { readonly closing: Closing } | { readonly end: true }
export type FromThread = { readonly spare: Float64Array<ArrayBuffer> } | { readonly reports: Reports }

const THREAD = new URL('./stats-thread-main.js', import.meta.url)

/** Batches that were told and are not counted yet, 16 MB: with more, whoever tells waits. With 16 batches he did so now and then, for a tenth of the time. */
const MAX_UNDER_WAY = 128

/** Counts in a thread of its own. */
export class StatsThread {
  // What this process was started with may not suit a file: `--input-type` does not, and it would not start.
  readonly #thread = new Worker(THREAD, { execArgv: [] })
  readonly #ended = new Promise((resolve) => this.#thread.once('exit', resolve))
  readonly #spare: (numbers: Float64Array<ArrayBuffer>) => void
  #underWay = 0
  #failure: Error | undefined
  #goOn: (() => void) | undefined
  #done: ((reports: Reports) => void) | undefined
  #fail: ((error: Error) => void) | undefined

  /** @param spare is given numbers that may be told in anew */
  constructor(spare: (numbers: Float64Array<ArrayBuffer>) => void) {
    this.#spare = spare
    this.#thread.on('message', (message: FromThread) => this.#heard(message))
    this.#thread.on('error', (error) => this.#failed(error))
    this.#thread.once('exit', () => this.#failed(new Error('the thread that counts ended before its time')))
  }

  hear(batch: Batch): void {
    this.#underWay++
    this.#post({ batch }, [batch.numbers.buffer])
  }

  /** Resolves once there is not too much that is not counted yet; undefined where that is so now. */
  keepUp(): Promise<void> | undefined {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.#underWay < MAX_UNDER_WAY) return undefined
    return new Promise((resolve, reject) => {
      this.#goOn = resolve
      this.#fail = reject
    })
  }

  close(closing: Closing): Promise<Reports> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    return new Promise((resolve, reject) => {
      this.#done = resolve
      this.#fail = reject
      this.#post({ closing })
    })
  }

  /**
   * Resolves once the thread has ended, however it does. It first counts what it was told: one that is stopped while it loads its modules leaves
   * their files open.
   */
  async end(): Promise<void> {
    this.#post({ end: true })
    await this.#ended
  }

  #heard(message: FromThread): void {
    if ('reports' in message) this.#done?.(message.reports)
    else {
      this.#underWay--
      this.#spare(message.spare)
      this.#goOn?.()
    }
  }

  #failed(error: Error): void {
    this.#failure ??= error
    this.#fail?.(error)
  }

  #post(message: ToThread, transfer: readonly ArrayBuffer[] = []): void {
    this.#thread.postMessage(message, transfer)
  }
}
