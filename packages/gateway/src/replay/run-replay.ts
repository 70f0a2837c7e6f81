import type { Readable } from 'node:stream'
import type { GatewayConfig } from '../policy/config/config.js'
import type { Seen } from './assumptions.js'
import { Engine } from './engine/replay-engine.js'
import type { ReplayObserver } from './engine/replay-events.js'
import type { PlayOptions } from './replay-options.js'
import { dealer } from './trace/assign-clients.js'
import { Trace } from './trace/trace.js'
import type { TraceRequest } from './trace/trace-request.js'

/** One of several replays that read a trace together. */
export interface Player {
  readonly config: GatewayConfig
  /** Makes what is told of the replay, once its time has begun. */
  readonly observer: (now: () => number, origin: number) => ReplayObserver
}

interface PlayedAll {
  readonly trace: Trace
  readonly engines: readonly Engine[]
  readonly seen: Seen
}

/**
 * Reads a trace once and plays it into each of several configurations, each on a time of its own.
 *
 * @throws TraceError
 */
export async function runReplays(
  source: string | Readable,
  players: readonly Player[],
  options: PlayOptions,
): Promise<PlayedAll> {
  const trace = await Trace.open(source, options)
  const deal = dealer(options.clients, trace.senders)
  const seen: Seen = { clients: false, addresses: false, durations: false, tokens: false }
  let engines: readonly Engine[] | undefined
  let count = 0
  for await (const requests of trace.requests()) {
    for (const recorded of requests) {
      const request = deal(recorded)
      noteSeen(seen, request)
      engines ??= players.map((player) => begin(player, request.at))
      for (const engine of engines) {
        const playing = engine.play(request)
        if (playing !== undefined) await playing
      }
      const keepingUp = options.keepUp?.()
      if (keepingUp !== undefined) await keepingUp
      count++
    }
    options.onProgress?.(trace.progress, count)
  }
  for (const engine of engines ?? []) await engine.finish()
  return { trace, engines: engines ?? [], seen }

  function begin({ config, observer }: Player, start: number): Engine {
    const now = () => engine.now
    const engine: Engine = new Engine(
      config,
      options.engine,
      observer(now, trace.origin),
      start,
      trace.origin,
    )
    return engine
  }
}

function noteSeen(seen: Seen, request: TraceRequest): void {
  if (request.client !== undefined) seen.clients = true
  if (request.ip !== undefined) seen.addresses = true
  if (request.duration !== undefined) seen.durations = true
  if (request.output !== undefined) seen.tokens = true
}
