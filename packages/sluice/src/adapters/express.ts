import type { Request, RequestHandler, Response } from 'express'
import { createHttpLimiter, type HttpLimitOptions, type RequestAccess } from '../http/http-limiter.js'
import type { LimitMethods } from '../http/limit-methods.js'
import { nodeBody } from '../http/node-body.js'
import { listHeader, onHangUp, soleHeader } from '../http/node-request.js'
import {
  canRefuse,
  nodeRefusalError,
  releaseWhenClosed,
  reportStatus,
  setHeaders,
} from '../http/node-response.js'
import { type DecisionHandler, runDecision } from '../http/run-decision.js'
import { expressProxies } from './express/express-proxies.js'
import { routeOf } from './express/express-route.js'

export { decisionOf, type RequestDecision, settle } from '../http/admitted-requests.js'
export type { HttpLimitOptions } from '../http/http-limiter.js'
export type { LimitMethods } from '../http/limit-methods.js'
export { type ErrorHeaders, RefusalError } from '../http/refusal-error.js'

/**
 * Creates a handler that limits requests in Express 4 and 5.
 *
 *     import { limit } from 'sluice/express'
 *     app.post('/predict', limit('10/minute'), predict)
 *
 * One handler limits all its routes together; call `limit` again for a separate limit. Place a
 * limit whose cost reads `request.body` after the body parser. `by: 'route'` is the method and the
 * path as registered with the routers (`POST /v1/models/:model`). It ends in `*` if no route has
 * been matched yet, as in `app.use`.
 *
 * @throws LimitSyntaxError, TypeError, RangeError if an option is invalid
 */
export function limit(options: string | HttpLimitOptions<Request>): RequestHandler & LimitMethods<Request> {
  const handler: RequestHandler = (request, response, next) =>
    runDecision(limiter, request, response, next, decisionHandler)
  const limiter = createHttpLimiter(options, {
    ...access,
    route: (request: Request) => routeOf(request, handler),
  })
  return Object.assign(handler, limiter.methods)
}

const access: Omit<RequestAccess<Request>, 'route'> = {
  method: ({ method }) => method,
  peer: (request) => request.socket.remoteAddress,
  header: soleHeader,
  listHeader,
  proxies: expressProxies,
  onHangUp,
  body: (request) => nodeBody(request.body, request),
}

const decisionHandler: DecisionHandler<Response> = {
  rawOf: (response) => response,
  apply(decision, response) {
    if (decision.allowed) {
      releaseWhenClosed(response, decision.permit)
      reportStatus(response, decision.onStatus)
      setHeaders(response, decision.fields)
      return true
    }
    if (canRefuse(response)) {
      if (decision.isThrown) throw nodeRefusalError(decision.answer, response)
      const { status, headers, body } = decision.answer
      setHeaders(response, headers)
      response.status(status).end(body)
    }
    return false
  },
}
