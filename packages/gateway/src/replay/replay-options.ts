import { readDurationModel } from './engine/duration-model.js'
import type { EngineOptions } from './engine/replay-engine.js'
import type { Played } from './engine/replay-events.js'
import type { TraceOptions } from './trace/trace.js'

export interface ReplayOptions extends TraceOptions {
  /**
   * The route of requests without a recorded path. If the trace has paths, the only route to
   * replay.
   */
  readonly route?: string | undefined
  /**
   * How long requests without a recorded duration run: `2s`, or `400ms + 25ms/output_token`.
   * Default: they take no time.
   */
  readonly duration?: string | undefined
  /**
   * Number of clients that requests without a client are assigned to in turn. The n-th request in
   * order of time, counted from 0, belongs to client n mod `clients`.
   */
  readonly clients?: number | undefined
  /** When the models were not ready, in milliseconds since the first request. Default: never. */
  readonly unready?: EngineOptions['unready']
  /** Number of clients to list in the report. Default: 100. */
  readonly listed?: number | undefined
  /**
   * Number of threads, 1 or 2: one decides, the other computes statistics. Default: 2 if there is
   * more than one processor. One thread takes longer and uses a single core. `suggest` uses one.
   */
  readonly threads?: number | undefined
  /** Receives each decided request; in a comparison, those of the first configuration. */
  readonly onDecision?: ((played: Played) => void) | undefined
  /**
   * Receives the progress from time to time: the fraction read, from 0 to 1, or undefined if the
   * size is unknown; and the number of requests.
   */
  readonly onProgress?: ((part: number | undefined, requests: number) => void) | undefined
}

export interface PlayOptions extends TraceOptions {
  readonly engine: EngineOptions
  readonly clients?: number | undefined
  /** Resolves once observers accept more requests; undefined if they do so now. */
  readonly ready?: () => Promise<void> | undefined
  readonly onProgress?: ((part: number | undefined, requests: number) => void) | undefined
}

/** Parses the options of a replay. @throws TraceError if the duration is invalid. */
export function playOptions(options: ReplayOptions): PlayOptions {
  const { route, unready, duration } = options
  return {
    ...options,
    engine: { route, unready, duration: duration === undefined ? undefined : readDurationModel(duration) },
  }
}
