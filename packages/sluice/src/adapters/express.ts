import type { Request, RequestHandler, Response } from 'express'
import { type Application, decideInto } from '../http/callback.js'
import { createHttpLimiter, type HttpLimitOptions, type RequestAccess } from '../http/http-limiter.js'
import { nodeBody } from '../http/node-body.js'
import { forwardedFor, onHangUp, soleHeader } from '../http/node-request.js'
import { canRefuse, releaseWhenClosed, setFields } from '../http/node-response.js'

export type { HttpLimitOptions } from '../http/http-limiter.js'
export { settle } from '../http/permits.js'

/**
 * Limits for Express 4 and 5.
 *
 *     import { limit } from 'sluice/express'
 *     app.post('/predict', limit('10/minute'), predict)
 *
 * One handler limits all the routes that it is put before together; call `limit` again for a limit of its own. A rule
 * whose cost reads `request.body` comes behind the body parser. `by: 'route'` is the method and the path as it was given
 * to the router (`POST /models/:model`), and `*` where no route is chosen yet, as in `app.use`.
 *
 * @throws LimitSyntaxError, TypeError, RangeError that say what is wrong with the options.
 */
export function limit(options: string | HttpLimitOptions<Request>): RequestHandler {
  const limiter = createHttpLimiter(options, access)
  return (request, response, next) => decideInto(limiter, request, response, next, application)
}

const access: RequestAccess<Request> = {
  peer: (request) => request.socket.remoteAddress,
  header: soleHeader,
  forwardedFor,
  onHangUp,
  body: (request) => nodeBody(request.body, request),
  route: (request) =>
    `${request.method === 'HEAD' ? 'GET' : request.method} ${String(request.route?.path ?? '*')}`,
}

const application: Application<Response> = {
  rawOf: (response) => response,
  apply(decision, response) {
    if (decision.allowed) {
      releaseWhenClosed(response, decision.permit)
      setFields(response, decision.fields)
      return true
    }
    if (canRefuse(response)) {
      const { status, headers, body } = decision.answer
      setFields(response, headers)
      response.status(status).end(body)
    }
    return false
  },
}
