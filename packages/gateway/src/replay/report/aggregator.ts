import type { Batch } from '../stats/pipeline/batch-protocol.js'
import { Listener } from '../stats/pipeline/decoder.js'
import type { TraceReading } from '../trace/trace.js'
import { type Comparison, comparisonOf } from './comparison.js'
import { reportOf } from './make-report.js'
import type { ReplayReport } from './report.js'

/** What reports say beside what was told. */
export interface Closing {
  readonly reading: TraceReading
  /** Milliseconds since the epoch at which the trace's own time is 0. */
  readonly origin: number
  /** How many clients are listed. */
  readonly listed: number
  /** Of each replay. */
  readonly replays: readonly { readonly passedOver: number; readonly notes: readonly string[] }[]
  /** How often two of them agreed, where they are compared. */
  readonly agreement: Comparison['requests'] | undefined
}

/** What replays came to, in their order. */
export interface Reports {
  readonly reports: readonly ReplayReport[]
  readonly comparison: Comparison | undefined
}

/** What is counted of the replays that read a trace together. */
export class Tallies {
  readonly #listeners: Listener[] = []

  hear(batch: Batch): void {
    this.#listeners[batch.replay] ??= new Listener()
    this.#listeners[batch.replay]?.hear(batch)
  }

  close({ reading, origin, listed, replays, agreement }: Closing): Reports {
    const played = this.#listeners.map(({ tally }, index) => {
      const { passedOver = 0, notes = [] } = replays[index] ?? {}
      return { tally, report: reportOf(tally, passedOver, reading, origin, listed, notes) }
    })
    const [one, other] = played
    return {
      reports: played.map(({ report }) => report),
      comparison: one && other && agreement && comparisonOf(one, other, agreement, listed),
    }
  }
}
