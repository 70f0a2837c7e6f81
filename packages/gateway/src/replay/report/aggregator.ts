import type { ServerReport } from '../server/server-report.js'
import type { Batch } from '../stats/pipeline/batch-protocol.js'
import { Decoder } from '../stats/pipeline/decoder.js'
import type { TraceReading } from '../trace/trace.js'
import { type Comparison, comparisonOf } from './comparison.js'
import { reportOf } from './make-report.js'
import type { ReplayReport } from './report.js'

/** The contents of a report other than statistics. */
export interface ReportContext {
  readonly reading: TraceReading
  /** Milliseconds since the epoch at time 0 of the trace. */
  readonly origin: number
  /** Number of clients to list. */
  readonly listed: number
  /** One element per replay. */
  readonly replays: readonly ReplayContext[]
  /** Number of requests on which the two replays of a comparison agreed or disagreed. */
  readonly agreement: Comparison['requests'] | undefined
}

interface ReplayContext {
  readonly passedOver: number
  readonly notes: readonly string[]
  readonly server: ServerReport | undefined
}

/** Reports of replays, in the order of the configurations. */
export interface Reports {
  readonly reports: readonly ReplayReport[]
  readonly comparison: Comparison | undefined
}

/** Decodes the batches of replays that share one pass over a trace, and builds their reports. */
export class Aggregator {
  readonly #decoders: Decoder[] = []

  add(batch: Batch): void {
    this.#decoders[batch.replay] ??= new Decoder()
    this.#decoders[batch.replay]?.decode(batch)
  }

  report({ reading, origin, listed, replays, agreement }: ReportContext): Reports {
    const played = this.#decoders.map(({ stats }, index) => {
      const { passedOver = 0, notes = [], server } = replays[index] ?? {}
      const report = reportOf(stats, passedOver, reading, origin, listed, notes)
      return { stats, report: server === undefined ? report : { ...report, server } }
    })
    const [one, other] = played
    return {
      reports: played.map(({ report }) => report),
      comparison: one && other && agreement && comparisonOf(one, other, agreement, listed),
    }
  }
}
