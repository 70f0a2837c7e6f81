import { BATCH, type Batch } from '../stats/pipeline/batch-protocol.js'
import type { Audience } from '../stats/pipeline/encoder.js'
import { type Closing, type Reports, Tallies } from './aggregator.js'
import { StatsThread } from './stats-thread.js'

/** Batches of a trace that is counted without a thread where there are no more: to start one takes as long. */
const SHORT = 64

/**
 * Counts what is told of replays: in a thread of its own, so that what decides goes on meanwhile; of a short trace, or where there is to be no
 * other thread, in this one.
 */
export class Counting implements Audience {
  readonly #tallies = new Tallies()
  readonly #spare: Float64Array<ArrayBuffer>[] = []
  /** What was told, as long as it is not known whether the trace is short. */
  #backlog: Batch[] = []
  #thread: StatsThread | undefined

  /** @param threads 1 or 2: with that which decides */
  constructor(private readonly threads: number) {}

  take(batch: Batch): Float64Array<ArrayBuffer> {
    if (this.threads === 1) this.#hearHere(batch)
    else if (this.#thread !== undefined) this.#thread.hear(batch)
    else {
      this.#backlog.push(batch)
      if (this.#backlog.length > SHORT) this.#startThread()
    }
    return this.#spare.pop() ?? new Float64Array(BATCH)
  }

  /** Resolves once more may be told; undefined where it may be now. */
  keepUp(): Promise<void> | undefined {
    return this.#thread?.keepUp()
  }

  /** Makes the reports. All was told. */
  async close(closing: Closing): Promise<Reports> {
    if (this.#thread !== undefined) return this.#thread.close(closing)
    for (const batch of this.#backlog) this.#hearHere(batch)
    return this.#tallies.close(closing)
  }

  async end(): Promise<void> {
    await this.#thread?.end()
  }

  #hearHere(batch: Batch): void {
    this.#tallies.hear(batch)
    this.#spare.push(batch.numbers)
  }

  #startThread(): void {
    const thread = new StatsThread((numbers) => this.#spare.push(numbers))
    this.#thread = thread
    for (const batch of this.#backlog) thread.hear(batch)
    this.#backlog = []
  }
}
