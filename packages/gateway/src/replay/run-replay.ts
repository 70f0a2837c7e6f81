import type { Readable } from 'node:stream'
import type { GatewayConfig } from '../policy/config/config.js'
import type { RecordedFields } from './assumptions.js'
import { Engine } from './engine/replay-engine.js'
import type { ReplayObserver } from './engine/replay-events.js'
import type { PlayOptions } from './replay-options.js'
import { clientAssigner } from './trace/assign-clients.js'
import { Trace } from './trace/trace.js'
import type { TraceRequest } from './trace/trace-request.js'

/** One of the replays that share a pass over a trace. */
export interface Player {
  readonly config: GatewayConfig
  /** Creates the observer of the replay when its first request is read. */
  readonly observer: (now: () => number, origin: number) => ReplayObserver
}

interface ReplayedTrace {
  readonly trace: Trace
  /** Engines in the order of the players. */
  readonly engines: readonly Engine[]
  readonly recorded: RecordedFields
}

/**
 * Reads a trace once and replays it against several configurations, each in its own virtual time.
 *
 * @throws TraceError if the trace is invalid
 */
export async function runReplays(
  source: string | Readable,
  players: readonly Player[],
  options: PlayOptions,
): Promise<ReplayedTrace> {
  const trace = await Trace.open(source, options)
  const assignClient = clientAssigner(options.clients, trace.senders)
  const fields: RecordedFields = { clients: false, addresses: false, durations: false, tokens: false }
  let engines: readonly Engine[] | undefined
  let count = 0
  for await (const requests of trace.requests()) {
    for (const recorded of requests) {
      const request = assignClient(recorded)
      noteFields(fields, request)
      engines ??= players.map((player) => createEngine(player, request.at))
      for (const engine of engines) {
        const playing = engine.play(request)
        if (playing !== undefined) await playing
      }
      const ready = options.ready?.()
      if (ready !== undefined) await ready
      count++
    }
    options.onProgress?.(trace.progress, count)
  }
  for (const engine of engines ?? []) await engine.finish()
  return { trace, engines: engines ?? [], recorded: fields }

  function createEngine({ config, observer }: Player, start: number): Engine {
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

function noteFields(fields: RecordedFields, request: TraceRequest): void {
  if (request.client !== undefined) fields.clients = true
  if (request.ip !== undefined) fields.addresses = true
  if (request.duration !== undefined) fields.durations = true
  if (request.output !== undefined) fields.tokens = true
}
