import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Exchange, HttpError, sendJson } from './http/exchange.js'
import { type GenerationCounts, Generations } from './http/generations.js'
import { route, type Served } from './http/routes.js'
import { DEFAULT_PLAN, type Models, type TrainingPlan, trainModels } from './models.js'
import { inSlices } from './slices.js'

export interface ModelServerOptions {
  /** Where to listen; 0 takes a free port. */
  readonly port: number
  /** The address to listen at. */
  readonly host?: string
  /** Between two tokens of a chat, in milliseconds: 20 unless said otherwise, 0 for none. */
  readonly tokenInterval?: number
  /** What to train on and for how long. */
  readonly plan?: TrainingPlan
  /** Models that were trained before, so that several servers can share them. */
  readonly models?: Models
  /** Told now and then how much of the training is done, from 0 to 1. */
  readonly onProgress?: (done: number) => void
  /** How long `close` waits for requests that run, in milliseconds. */
  readonly grace?: number
}

export interface ModelServer {
  /** Where it listens. */
  readonly port: number
  /** When the models are trained. Rejects when the server is closed before. */
  readonly ready: Promise<void>
  /** The models, once they are trained. */
  readonly models: Models | undefined
  /** What the language model is doing. */
  readonly generations: GenerationCounts
  /** Takes no more requests, waits for those that run, and cuts off what is left after the grace. */
  close(): Promise<void>
}

/**
 * Starts a server that answers at once, with 503 until its models are trained.
 *
 * @throws Error of the system, such as EADDRINUSE, where it cannot listen
 */
export async function startModelServer(options: ModelServerOptions): Promise<ModelServer> {
  const { port, host = '127.0.0.1', tokenInterval = 20, plan = DEFAULT_PLAN, grace = 5000 } = options
  const generations = new Generations()
  const closed = new AbortController()
  let models = options.models
  let progress = 0

  const health = () =>
    models
      ? ({ status: 'ready', generations } as const)
      : ({ status: 'training', progress: Math.round(progress * 1000) / 1000 } as const)
  const server = createServer({ requestTimeout: 30_000 }, (request, response) => {
    // A connection that outlives its last answer would keep the server from closing.
    response.on('close', () => closed.signal.aborted && setImmediate(() => server.closeIdleConnections()))
    const served: Served = { models, options: { tokenInterval, generations }, health }
    void answer({ request, response }, served)
  })
  server.listen(port, host)
  await once(server, 'listening')

  const train = async () => {
    models ??= await inSlices(
      trainModels(plan),
      (done) => {
        progress = done
        options.onProgress?.(done)
      },
      closed.signal,
    )
  }
  const ready = train()
  // Whoever waits for it is told; nobody has to.
  ready.catch(() => {})

  const close = async () => {
    closed.abort(new Error('the server was closed before its models were trained'))
    const ended = once(server, 'close')
    server.close()
    const cut = setTimeout(() => server.closeAllConnections(), grace)
    await ended
    clearTimeout(cut)
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

async function answer(exchange: Exchange, served: Served): Promise<void> {
  try {
    await route(exchange, served)
  } catch (error) {
    refuse(exchange.response, error)
  }
}

function refuse(response: ServerResponse, error: unknown): void {
  if (response.destroyed) return
  if (error instanceof HttpError) {
    sendJson(response, error.status, { detail: error.detail }, error.headers)
    return
  }
  console.error(error)
  // A response that has begun cannot be taken back, only cut short.
  if (response.headersSent) response.destroy()
  else sendJson(response, 500, { detail: 'the server made a mistake' })
}
