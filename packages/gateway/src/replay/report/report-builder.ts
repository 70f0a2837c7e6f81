import { BATCH_LENGTH, type Batch } from '../stats/pipeline/batch-protocol.js'
import type { BatchSink } from '../stats/pipeline/encoder.js'
import { Aggregator, type ReportContext, type Reports } from './aggregator.js'
import { StatsThread } from './stats-thread.js'

/**
 * Maximum number of batches for which no thread is started, since starting one takes as long as
 * processing them.
 */
const MAX_BACKLOG = 64

/**
 * Builds reports from batches. Statistics are computed in a separate thread, in parallel with the
 * decisions, or in this thread if the trace is short or `threads` is 1.
 */
export class ReportBuilder implements BatchSink {
  readonly #aggregator = new Aggregator()
  readonly #spare: Float64Array<ArrayBuffer>[] = []
  /** Batches that are buffered until it is known whether the trace is short. */
  #backlog: Batch[] = []
  #thread: StatsThread | undefined

  /** @param threads 1 or 2, including the thread that decides */
  constructor(private readonly threads: number) {}

  accept(batch: Batch): Float64Array<ArrayBuffer> {
    if (this.threads === 1) this.#addHere(batch)
    else if (this.#thread !== undefined) this.#thread.add(batch)
    else {
      this.#backlog.push(batch)
      if (this.#backlog.length > MAX_BACKLOG) this.#startThread()
    }
    return this.#spare.pop() ?? new Float64Array(BATCH_LENGTH)
  }

  /** Resolves when another batch can be accepted. Returns undefined if one can be accepted now. */
  ready(): Promise<void> | undefined {
    return this.#thread?.ready()
  }

  /** Builds the reports after the last batch. */
  async report(context: ReportContext): Promise<Reports> {
    if (this.#thread !== undefined) return this.#thread.report(context)
    for (const batch of this.#backlog) this.#addHere(batch)
    return this.#aggregator.report(context)
  }

  async end(): Promise<void> {
    await this.#thread?.end()
  }

  #addHere(batch: Batch): void {
    this.#aggregator.add(batch)
    this.#spare.push(batch.numbers)
  }

  #startThread(): void {
    const thread = new StatsThread((numbers) => this.#spare.push(numbers))
    this.#thread = thread
    for (const batch of this.#backlog) thread.add(batch)
    this.#backlog = []
  }
}
