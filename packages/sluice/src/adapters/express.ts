import type { Request, RequestHandler, Response } from 'express'
import { decideInto } from '../http/callback.js'
import {
  createHttpLimiter,
  type HttpDecision,
  type HttpLimitOptions,
  type RequestAccess,
} from '../http/http-limiter.js'
import { forwardedFor, onHangUp, soleHeader } from '../http/node-request.js'
import { joinedField, releaseWhenClosed } from '../http/node-response.js'

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
  return (request, response, next) => decideInto(limiter, request, response, next, apply)
}

const access: RequestAccess<Request> = {
  peer: (request) => request.socket.remoteAddress,
  header: soleHeader,
  forwardedFor,
  onHangUp,
  route: (request) =>
    `${request.method === 'HEAD' ? 'GET' : request.method} ${String(request.route?.path ?? '*')}`,
}

function apply(decision: HttpDecision, response: Response, next: () => void): void {
  const fields = decision.allowed ? decision.fields : decision.answer.headers
  for (const [name, value] of fields)
    response.setHeader(name, joinedField(response.getHeader(name), name, value))
  if (decision.allowed) {
    releaseWhenClosed(response, decision.permit)
    next()
  } else {
    response.status(decision.answer.status).end(decision.answer.body)
  }
}
