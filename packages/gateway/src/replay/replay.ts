import { availableParallelism } from 'node:os'
import type { Readable } from 'node:stream'
import type { GatewayConfig } from '../policy/config/config.js'
import { notesOf, unweighedNotes } from './assumptions.js'
import { readDurationModel } from './engine/duration-model.js'
import type { EngineOptions } from './engine/replay-engine.js'
import type { Played } from './engine/replay-events.js'
import type { Reports } from './report/aggregator.js'
import { Agreement } from './report/agreement.js'
import type { Comparison } from './report/comparison.js'
import type { ReplayReport } from './report/report.js'
import { Counting } from './report/report-builder.js'
import { type Player, type PlayOptions, playAll } from './run-replay.js'
import { Teller } from './stats/pipeline/encoder.js'
import type { TraceOptions } from './trace/trace.js'
import { TraceError } from './trace/trace-request.js'

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

const DEFAULT_LISTED = 100

/**
 * Plays a recorded load through the limits of a configuration, on a time of its own: what would this policy have done?
 *
 *     const report = await replay('traffic.csv.gz', await loadConfig('sluice.yaml'), { duration: '2s' })
 *     console.log(report.requests.refused)
 *
 * The same trace and configuration give the same report. What is kept in memory does not grow with the length of the trace; it grows with
 * the clients and keys that are told apart, of which there is a most, and with the requests within the longest period.
 *
 * @param trace a file, gzip or not, or a stream of the same
 * @throws TraceError for what is no trace, or goes not with the configuration.
 */
export async function replay(
  trace: string | Readable,
  config: GatewayConfig,
  options: ReplayOptions = {},
): Promise<ReplayReport> {
  const { reports } = await replayEach(trace, [config], undefined, options)
  return reports[0] as ReplayReport
}

/** As `replay`, with two configurations side by side, in one reading of the trace. */
export async function compare(
  trace: string | Readable,
  one: GatewayConfig,
  other: GatewayConfig,
  options: ReplayOptions = {},
): Promise<Comparison> {
  const { comparison } = await replayEach(trace, [one, other], new Agreement(), options)
  return comparison as Comparison
}

async function replayEach(
  source: string | Readable,
  configs: readonly GatewayConfig[],
  agreement: Agreement | undefined,
  options: ReplayOptions,
): Promise<Reports> {
  const { listed = DEFAULT_LISTED, onDecision } = options
  const counting = new Counting(threadsOf(options))
  const tellers: Teller[] = []
  const players = configs.map(
    (config, index): Player => ({
      config,
      observer(now, origin) {
        const teller = new Teller(index, counting, config, now, origin)
        tellers.push(teller)
        return {
          decided(played) {
            if (index === 0) onDecision?.(played)
            agreement?.decided(index === 0 ? 'one' : 'other', played)
            return teller.decided(played)
          },
        }
      },
    }),
  )
  try {
    const { trace, engines, seen } = await playAll(source, players, {
      ...playOptions(options),
      keepUp: () => counting.keepUp(),
    })
    for (const teller of tellers) teller.flush()
    return await counting.close({
      reading: trace.reading,
      origin: trace.origin,
      listed,
      replays: engines.map(({ passedOver, unweighed }, index) => ({
        passedOver,
        notes: [
          ...notesOf(configs[index] as GatewayConfig, seen, options),
          ...unweighedNotes(unweighed, trace.reading.format),
        ],
      })),
      agreement: agreement?.requests,
    })
  } finally {
    await counting.end()
  }
}

/** @throws TraceError */
function threadsOf({ threads }: ReplayOptions): number {
  if (threads === undefined) return Math.min(2, availableParallelism())
  if (threads === 1 || threads === 2) return threads
  throw new TraceError(`a replay uses 1 or 2 threads, not ${threads}`)
}

/** @throws TraceError for a duration that cannot be read. */
export function playOptions(options: ReplayOptions): PlayOptions {
  const { route, unready, duration } = options
  return {
    ...options,
    engine: { route, unready, duration: duration === undefined ? undefined : readDurationModel(duration) },
  }
}
