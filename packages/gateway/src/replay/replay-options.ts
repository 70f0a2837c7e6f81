import { readDurationModel } from './engine/duration-model.js'
import type { EngineOptions } from './engine/replay-engine.js'
import type { Played } from './engine/replay-events.js'
import type { TraceOptions } from './trace/trace.js'

export interface ReplayOptions extends TraceOptions {
  /** The route that requests take whose path was not recorded; of a trace with paths, the route whose requests are played. */
  readonly route?: string | undefined
  /** How long requests run whose duration was not recorded: `2s`, or `400ms + 25ms/output_token`. Default: no time at all. */
  readonly duration?: string | undefined
  /** Requests without a client are dealt to so many, one after the other: the n-th in order of time, from 0, to client n mod `clients`. */
  readonly clients?: number | undefined
  /** When the models were not ready, in milliseconds since the first request. Default: never. */
  readonly unready?: EngineOptions['unready']
  /** How many clients the report lists; default 100. */
  readonly listed?: number | undefined
  /**
   * How many threads it works in, 1 or 2: one that decides, and one that counts. Default: 2 where there is more than one processor. With 1 it takes
   * longer, and leaves the other processors to others. `suggest` works in one.
   */
  readonly threads?: number | undefined
  /** Is told of each request as it is decided on; of a comparison, by the first policy. */
  readonly onDecision?: ((played: Played) => void) | undefined
  /** Is told now and then how much was read, from 0 to 1, or undefined where that is not known; and how many requests. */
  readonly onProgress?: ((part: number | undefined, requests: number) => void) | undefined
}

export interface PlayOptions extends TraceOptions {
  readonly engine: EngineOptions
  readonly clients?: number | undefined
  /** Resolves once observers may be told more; undefined where they may be now. */
  readonly keepUp?: () => Promise<void> | undefined
  readonly onProgress?: ((part: number | undefined, requests: number) => void) | undefined
}

/** @throws TraceError for a duration that cannot be read. */
export function playOptions(options: ReplayOptions): PlayOptions {
  const { route, unready, duration } = options
  return {
    ...options,
    engine: { route, unready, duration: duration === undefined ? undefined : readDurationModel(duration) },
  }
}
