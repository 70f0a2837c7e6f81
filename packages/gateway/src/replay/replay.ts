import type { Readable } from 'node:stream'
import type { GatewayConfig } from '../config/config.js'
import { readDurationModel } from './engine/duration-model.js'
import { Engine, type EngineOptions } from './engine/engine.js'
import type { Played } from './engine/played.js'
import { notesOf, type Seen } from './notes.js'
import { type ReplayReport, reportOf } from './report/report.js'
import { Tally } from './tally/tally.js'
import { dealer } from './trace/dealt-clients.js'
import { Trace, type TraceOptions } from './trace/read-trace.js'

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
  /** Is told of each request as it is decided on. */
  readonly onDecision?: ((played: Played) => void) | undefined
  /** Is told now and then how much was read, from 0 to 1; undefined where that is not known. */
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
  const [report] = await replayAll(trace, [config], options)
  return report as ReplayReport
}

/** As `replay`, with each of several configurations, in one reading of the trace. */
export async function replayAll(
  source: string | Readable,
  configs: readonly GatewayConfig[],
  options: ReplayOptions,
): Promise<ReplayReport[]> {
  const duration = options.duration === undefined ? undefined : readDurationModel(options.duration)
  const deal = dealer(options.clients)
  const trace = await Trace.open(source, options)
  const seen: Seen = { clients: false, addresses: false, durations: false, tokens: false }
  let players: { readonly engine: Engine; readonly tally: Tally }[] | undefined
  let count = 0
  for await (const requests of trace.requests()) {
    for (const recorded of requests) {
      const request = deal(recorded)
      noteSeen(seen, request)
      players ??= configs.map((config) => player(config, request.at))
      for (const { engine } of players) {
        const playing = engine.play(request)
        if (playing !== undefined) await playing
      }
      count++
    }
    options.onProgress?.(trace.progress, count)
  }
  for (const { engine } of players ?? []) await engine.finish()
  return (players ?? []).map(({ engine, tally }, index) => {
    const notes = notesOf(configs[index] as GatewayConfig, seen, options, tally)
    return reportOf(tally, engine, trace.reading, trace.origin, options.listed ?? DEFAULT_LISTED, notes)
  })

  function player(config: GatewayConfig, start: number) {
    const tally: Tally = new Tally(config, () => engine.now, trace.origin)
    const { onDecision } = options
    const observer =
      onDecision === undefined
        ? tally
        : {
            decided(played: Played) {
              onDecision(played)
              return tally.decided(played)
            },
          }
    const engineOptions = { route: options.route, duration, unready: options.unready }
    const engine = new Engine(config, engineOptions, observer, start, trace.origin)
    return { engine, tally }
  }
}

function noteSeen(seen: Seen, request: Parameters<Engine['play']>[0]): void {
  if (request.client !== undefined) seen.clients = true
  if (request.ip !== undefined) seen.addresses = true
  if (request.duration !== undefined) seen.durations = true
  if (request.output !== undefined) seen.tokens = true
}
