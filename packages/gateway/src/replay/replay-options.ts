import { parseDurationModel } from './engine/duration-model.js'
import type { EngineOptions } from './engine/replay-engine.js'
import type { Played } from './engine/replay-events.js'
import type { ServerSetup } from './server/server-setup.js'
import type { TraceOptions } from './trace/trace.js'

export interface ReplayOptions extends TraceOptions {
  /**
   * The route of requests without a recorded path. If the trace has paths, only this route is
   * replayed.
   */
  readonly route?: string | undefined
  /**
   * Duration of requests that have no recorded duration: `2s`, or `400ms + 25ms/output_token`.
   * Default: 0.
   */
  readonly duration?: string | undefined
  /**
   * Number of clients to which requests without a client are assigned in turn. The n-th request in
   * chronological order, counted from 0, belongs to client n mod `clients`.
   */
  readonly clients?: number | undefined
  /**
   * Periods in which the models were not ready, in milliseconds since the first request. Default:
   * none.
   */
  readonly unready?: EngineOptions['unready']
  /**
   * A model of the server behind the gateway, from `loadServer`. Admitted requests with tokens last
   * as long as it needs for them. Default: requests last as long as recorded.
   */
  readonly server?: ServerSetup | undefined
  /** Number of clients to list in the report. Default: 100. */
  readonly listed?: number | undefined
  /**
   * Number of threads, 1 or 2: one decides, the other computes statistics. Default: 2 if there is
   * more than one processor. A single thread takes longer but uses only one core. `suggest` always
   * uses one.
   */
  readonly threads?: number | undefined
  /** Called with each decided request; in a comparison, only for the first configuration. */
  readonly onDecision?: ((played: Played) => void) | undefined
  /**
   * Called periodically with the fraction of the trace that has been read, from 0 to 1 (undefined
   * if the size is unknown), and the number of requests.
   */
  readonly onProgress?: ((part: number | undefined, requests: number) => void) | undefined
}

export interface PlayOptions extends TraceOptions {
  readonly engine: EngineOptions
  readonly clients?: number | undefined
  /** Resolves when observers can accept another request. Returns undefined if they can now. */
  readonly ready?: () => Promise<void> | undefined
  readonly onProgress?: ((part: number | undefined, requests: number) => void) | undefined
}

/** Parses the options of a replay. @throws TraceError if the duration is invalid */
export function playOptions(options: ReplayOptions): PlayOptions {
  const { route, unready, duration, server } = options
  return {
    ...options,
    engine: {
      ...{ route, unready, server },
      duration: duration === undefined ? undefined : parseDurationModel(duration),
    },
  }
}
