import type { Batch } from '../stats/pipeline/batch-protocol.js'
import { Decoder } from '../stats/pipeline/decoder.js'
import type { TraceReading } from '../trace/trace.js'
import { type Comparison, comparisonOf } from './comparison.js'
import { reportOf } from './make-report.js'
import type { ReplayReport } from './report.js'

/** Contents of a report that are not statistics. */
export interface ReportContext {
  readonly reading: TraceReading
  /** Milliseconds since the epoch at which the time of the trace is 0. */
  readonly origin: number
  /** Number of clients to list. */
  readonly listed: number
  /** One element per replay. */
  readonly replays: readonly { readonly passedOver: number; readonly notes: readonly string[] }[]
  /** How often the two replays of a comparison agreed. */
  readonly agreement: Comparison['requests'] | undefined
}

/** Reports of replays, in the order of the configurations. */
export interface Reports {
  readonly reports: readonly ReplayReport[]
  readonly comparison: Comparison | undefined
}

/** Decodes the batches of replays that read a trace together, and makes their reports. */
export class Aggregator {
  readonly #decoders: Decoder[] = []

  add(batch: Batch): void {
    this.#decoders[batch.replay] ??= new Decoder()
    this.#decoders[batch.replay]?.decode(batch)
  }

  report({ reading, origin, listed, replays, agreement }: ReportContext): Reports {
    const played = this.#decoders.map(({ stats }, index) => {
      const { passedOver = 0, notes = [] } = replays[index] ?? {}
      return { stats, report: reportOf(stats, passedOver, reading, origin, listed, notes) }
    })
    const [one, other] = played
    return {
      reports: played.map(({ report }) => report),
      comparison: one && other && agreement && comparisonOf(one, other, agreement, listed),
    }
  }
}
