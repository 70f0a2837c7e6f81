import type { FastifyReply, FastifyRequest, preHandlerHookHandler } from 'fastify'
import { createHttpLimiter, type HttpLimitOptions, type RequestAccess } from '../http/http-limiter.js'
import { nodeBody } from '../http/node-body.js'
import { forwardedFor, onHangUp, soleHeader } from '../http/node-request.js'
import { canRefuse, joinedField, releaseWhenClosed } from '../http/node-response.js'
import type { Fields } from '../http/ratelimit-headers.js'
import { type Application, runDecision } from '../http/run-decision.js'

export { settle } from '../http/admitted-requests.js'
export type { HttpLimitOptions } from '../http/http-limiter.js'

/**
 * Limits for Fastify 5, as a hook.
 *
 *     import { limit } from 'sluice/fastify'
 *     app.post('/predict', { preHandler: limit('10/minute') }, predict)
 *
 * One hook limits all the routes that it is given to together; call `limit` again for a limit of its own. It serves as
 * `preHandler` (after the body was read, so that a cost may read `request.body`) or as `onRequest` (before it).
 * `by: 'route'` is the method and the URL as it was given to the route (`POST /models/:model`).
 *
 * @throws LimitSyntaxError, TypeError, RangeError that say what is wrong with the options.
 */
export function limit(options: string | HttpLimitOptions<FastifyRequest>): preHandlerHookHandler {
  const limiter = createHttpLimiter(options, access)
  return (request, reply, done) => runDecision(limiter, request, reply, done, application)
}

const access: RequestAccess<FastifyRequest> = {
  peer: (request) => request.socket.remoteAddress,
  header: ({ raw }, name) => soleHeader(raw, name),
  forwardedFor: ({ raw }) => forwardedFor(raw),
  onHangUp: ({ raw }, gone) => onHangUp(raw, gone),
  body: ({ body, raw }) => nodeBody(body, raw),
  route: (request) =>
    `${request.method === 'HEAD' ? 'GET' : request.method} ${request.routeOptions.url ?? '*'}`,
}

const application: Application<FastifyReply> = {
  rawOf: (reply) => reply.raw,
  apply(decision, reply) {
    if (decision.allowed) {
      releaseWhenClosed(reply.raw, decision.permit)
      setFields(reply, decision.fields)
      return true
    }
    // What another hook has sent meanwhile is the answer.
    if (!reply.sent && canRefuse(reply.raw)) {
      const { status, headers, body } = decision.answer
      setFields(reply, headers)
      // Bytes are sent as they are; to the type of a string Fastify would add a charset.
      reply.code(status).send(Buffer.from(body))
    }
    return false
  },
}

/** Fastify keeps headers of its own until it sends them; `set-cookie` it adds to. */
function setFields(reply: FastifyReply, fields: Fields): void {
  if (reply.sent) return
  for (const [name, value] of fields) reply.header(name, joinedField(reply.getHeader(name), name, value))
}
