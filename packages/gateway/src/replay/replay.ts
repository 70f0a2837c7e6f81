import type { Readable } from 'node:stream'
import type { GatewayConfig } from '../config/config.js'
import { Agreement, type Comparison, comparisonOf } from './compare.js'
import { readDurationModel } from './engine/duration-model.js'
import type { EngineOptions } from './engine/engine.js'
import type { Played } from './engine/played.js'
import { notesOf } from './notes.js'
import { type Player, type PlayOptions, playAll } from './play-all.js'
import { reportOf } from './report/make-report.js'
import type { ReplayReport } from './report/report.js'
import { Tally } from './tally/tally.js'
import type { TraceOptions } from './trace/read-trace.js'

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
  const told: Told = (played) => options.onDecision?.(played)
  const { reports } = await replayEach(trace, [[config, told]], options)
  return reports[0] as ReplayReport
}

/** As `replay`, with two configurations side by side, in one reading of the trace. */
export async function compare(
  trace: string | Readable,
  one: GatewayConfig,
  other: GatewayConfig,
  options: ReplayOptions = {},
): Promise<Comparison> {
  const agreement = new Agreement()
  const toldOfOne: Told = (played) => {
    options.onDecision?.(played)
    agreement.decided('one', played)
  }
  const toldOfOther: Told = (played) => agreement.decided('other', played)
  const { reports, tallies } = await replayEach(
    trace,
    [
      [one, toldOfOne],
      [other, toldOfOther],
    ],
    options,
  )
  return comparisonOf(
    reports as [ReplayReport, ReplayReport],
    tallies as [Tally, Tally],
    agreement,
    options.listed ?? DEFAULT_LISTED,
  )
}

type Told = (played: Played) => void

async function replayEach(
  source: string | Readable,
  configs: readonly (readonly [GatewayConfig, Told])[],
  options: ReplayOptions,
): Promise<{ readonly reports: readonly ReplayReport[]; readonly tallies: readonly Tally[] }> {
  const tallies: Tally[] = []
  const players = configs.map(
    ([config, told]): Player => ({
      config,
      observer(now, origin) {
        const tally = new Tally(config, now, origin)
        tallies.push(tally)
        return {
          decided(played) {
            told(played)
            return tally.decided(played)
          },
        }
      },
    }),
  )
  const { trace, engines, seen } = await playAll(source, players, playOptions(options))
  const reports = engines.map((engine, index) => {
    const [config] = configs[index] as (typeof configs)[number]
    const tally = tallies[index] as Tally
    const notes = notesOf(config, seen, options, tally)
    return reportOf(tally, engine, trace.reading, trace.origin, options.listed ?? DEFAULT_LISTED, notes)
  })
  return { reports, tallies }
}

/** @throws TraceError for a duration that cannot be read. */
export function playOptions(options: ReplayOptions): PlayOptions {
  const { route, unready, duration } = options
  return {
    ...options,
    engine: { route, unready, duration: duration === undefined ? undefined : readDurationModel(duration) },
  }
}
