import type { Context, Middleware } from 'koa'
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
import { koaProxies } from './koa/koa-proxies.js'
import { routeOf } from './koa/koa-route.js'

export { decisionOf, type RequestDecision, settle } from '../http/admitted-requests.js'
export type { HttpLimitOptions } from '../http/http-limiter.js'
export type { LimitMethods } from '../http/limit-methods.js'
export { type ErrorHeaders, RefusalError } from '../http/refusal-error.js'

/**
 * Creates middleware that limits requests in Koa 2 and 3.
 *
 *     import { limit } from 'sluice/koa'
 *     router.post('/predict', limit('10/minute'), (context) => {
 *       context.body = { prediction: 1 }
 *     })
 *
 * One middleware limits all its routes together; call `limit` again for a separate limit. Rules
 * receive the context. `by: 'route'` is the method and the path as registered with `@koa/router`,
 * with prefixes (`POST /v1/models/:model`). The path is `*` if no route has been matched yet, as in
 * `app.use`.
 *
 * @throws LimitSyntaxError, TypeError, RangeError if an option is invalid
 */
export function limit(options: string | HttpLimitOptions<Context>): Middleware & LimitMethods<Context> {
  const limiter = createHttpLimiter(options, access)
  const middleware: Middleware = async (context, next) => {
    const decision = await limiter.decide(context)
    const { res } = context
    if (decision.allowed) {
      releaseWhenClosed(res, decision.permit)
      reportStatus(res, decision.onStatus)
      setHeaders(res, decision.fields)
      return next()
    }
    if (!canRefuse(res)) return
    if (decision.isThrown) throw nodeRefusalError(decision.answer, res)
    const { status, headers, body } = decision.answer
    context.status = status
    context.body = body
    // Set after the body, from which Koa infers a content type.
    setHeaders(res, headers)
  }
  return Object.assign(middleware, limiter.methods)
}

const access: RequestAccess<Context> = {
  method: ({ method }) => method,
  peer: (context) => context.req.socket.remoteAddress,
  header: ({ req }, name) => soleHeader(req, name),
  listHeader: ({ req }, name) => listHeader(req, name),
  proxies: koaProxies,
  onHangUp: ({ req }, listener) => onHangUp(req, listener),
  // Body parsers for Koa store the body here; `context.body` is the body of the response.
  body: ({ request, req }) => nodeBody((request as { readonly body?: unknown }).body, req),
  bodySize: () => undefined,
  route: routeOf,
}
