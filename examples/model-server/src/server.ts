import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Exchange, HttpError, sendJson } from './http/exchange.js'
import { type GenerationCounts, Generations } from './http/generations.js'
import { route, type ServerState } from './http/routes.js'
import { DEFAULT_PLAN, type Models, type TrainingPlan, trainModels } from './models.js'
import { runInSlices } from './slices.js'

export interface ModelServerOptions {
  /** Port to listen on; 0 for a free one. */
  readonly port: number
  /** Address to listen on. */
  readonly host?: string
  /** Delay between two tokens of a chat, in milliseconds. Default: 20. */
  readonly tokenInterval?: number
  /** Number of chats that are answered at once. Others wait in their order. Default: all. */
  readonly maxRunning?: number
  /** Amount of data and training. Default: `DEFAULT_PLAN`. */
  readonly plan?: TrainingPlan
  /** Models that are already trained. Several servers can share them. */
  readonly models?: Models
  /** Called from time to time with the progress of the training, from 0 to 1. */
  readonly onProgress?: (done: number) => void
  /** How long `close` waits for requests in flight, in milliseconds. Default: 5000. */
  readonly grace?: number
}

export interface ModelServer {
  /** Port of the server. */
  readonly port: number
  /** Resolves when the models are trained. Rejects if the server is closed first. */
  readonly ready: Promise<void>
  /** The models; undefined during training. */
  readonly models: Models | undefined
  /** Counters of the language model. */
  readonly generations: GenerationCounts
  /** Stops accepting requests, and aborts those still in flight after the grace period. */
  close(): Promise<void>
}

/**
 * Starts a server. It responds with 503 until its models are trained.
 *
 * @throws Error such as EADDRINUSE if it cannot listen
 */
export async function startModelServer(options: ModelServerOptions): Promise<ModelServer> {
  const { port, host = '127.0.0.1', tokenInterval = 20, plan = DEFAULT_PLAN, grace = 5000 } = options
  const generations = new Generations(options.maxRunning ?? Number.POSITIVE_INFINITY)
  const closed = new AbortController()
  let models = options.models
  let progress = 0

  const health = () =>
    models
      ? ({ status: 'ready', generations: { ...generations, waiting: generations.waiting } } as const)
      : ({ status: 'training', progress: Math.round(progress * 1000) / 1000 } as const)
  const server = createServer({ requestTimeout: 30_000 }, (request, response) => {
    // Idle keep-alive connections would keep the server from closing.
    response.on('close', () => closed.signal.aborted && setImmediate(() => server.closeIdleConnections()))
    const state: ServerState = { models, options: { tokenInterval, generations }, health }
    void handle({ request, response }, state)
  })
  server.listen(port, host)
  await once(server, 'listening')

  const train = async () => {
    models ??= await runInSlices(
      trainModels(plan),
      (done) => {
        progress = done
        options.onProgress?.(done)
      },
      closed.signal,
    )
  }
  const ready = train()
  // Avoids an unhandled rejection if no caller awaits `ready`.
  ready.catch(() => {})

  const close = async () => {
    closed.abort(new Error('the server was closed before its models were trained'))
    const ended = once(server, 'close')
    server.close()
    const abort = setTimeout(() => server.closeAllConnections(), grace)
    await ended
    clearTimeout(abort)
  }
  let closing: Promise<void> | undefined

  return {
    port: (server.address() as AddressInfo).port,
    ready,
    get models() {
      return models
    },
    generations,
    close() {
      closing ??= close()
      return closing
    },
  }
}

async function handle(exchange: Exchange, state: ServerState): Promise<void> {
  try {
    await route(exchange, state)
  } catch (error) {
    sendError(exchange.response, error)
  }
}

function sendError(response: ServerResponse, error: unknown): void {
  if (response.destroyed) return
  if (error instanceof HttpError) {
    sendJson(response, error.status, { detail: error.detail }, error.headers)
    return
  }
  console.error(error)
  // A response that has started can only be aborted.
  if (response.headersSent) response.destroy()
  else sendJson(response, 500, { detail: 'internal server error' })
}
