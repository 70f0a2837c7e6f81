import type { Models } from '../models.js'
import { type ChatOptions, chat } from './chat.js'
import { type Exchange, type Handler, HttpError, sendJson } from './exchange.js'
import { modelInfo } from './model-info.js'
import { predictMany, predictOne } from './predictions.js'
import { matrix, rows, table } from './rows.js'

type Method = 'GET' | 'POST'
type Route = readonly [method: Method, handler: (models: Models, options: ChatOptions) => Handler]

/** Routes by path. Each path has one method. */
const ROUTES: ReadonlyMap<string, Route> = new Map<string, Route>([
  ['/predict', ['POST', (models) => predictOne(models, 'lightweight')]],
  ['/premium/predict', ['POST', (models) => predictOne(models, 'lightweight')]],
  ['/batch-predict', ['POST', (models) => predictMany(models, 'lightweight', table)]],
  ['/predict/batch', ['POST', (models) => predictMany(models, 'lightweight', rows)]],
  ['/models/lightweight/predict', ['POST', (models) => predictOne(models, 'lightweight')]],
  ['/models/heavy/predict', ['POST', (models) => predictOne(models, 'heavy')]],
  ['/models/batch-process', ['POST', (models) => predictMany(models, 'heavy', matrix)]],
  ['/v1/chat/completions', ['POST', ({ language }, options) => chat(language, options)]],
  [
    '/model-info',
    [
      'GET',
      (models) =>
        ({ response }) =>
          sendJson(response, 200, modelInfo(models)),
    ],
  ],
])

/** Body of GET /healthz. The status is 503 until all models are trained, then 200. */
interface Health {
  readonly status: 'ready' | 'training'
}

/** The state of the server, as far as routes need it. */
export interface ServerState {
  /** Undefined during training. */
  readonly models?: Models | undefined
  readonly options: ChatOptions
  health(): Health
}

/**
 * Handles a request.
 *
 * @throws HttpError for an error response
 */
export async function route(exchange: Exchange, { models, options, health }: ServerState): Promise<void> {
  const { request, response } = exchange
  const path = (request.url ?? '/').split('?', 1)[0] as string
  if (path === '/healthz') {
    allowOnly('GET', request.method)
    const body = health()
    if (body.status === 'ready') sendJson(response, 200, body)
    else sendJson(response, 503, body, { 'retry-after': '1' })
    return
  }
  const found = ROUTES.get(path)
  if (!found) throw new HttpError(404, `no route matches ${path}`)
  const [method, handlerOf] = found
  allowOnly(method, request.method)
  if (!models) throw new HttpError(503, 'the models are still being trained', { 'retry-after': '1' })
  await handlerOf(models, options)(exchange)
}

function allowOnly(method: Method, requested: string | undefined): void {
  if (requested === method || (method === 'GET' && requested === 'HEAD')) return
  throw new HttpError(405, `this path does not support ${requested}; use ${method}`, {
    allow: method === 'GET' ? 'GET, HEAD' : method,
  })
}
