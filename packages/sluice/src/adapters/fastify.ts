import type { FastifyPluginAsync, FastifyReply, FastifyRequest, preHandlerHookHandler } from 'fastify'
import { createHttpLimiter, type HttpLimitOptions, type RequestAccess } from '../http/http-limiter.js'
import type { LimitMethods } from '../http/limit-methods.js'
import { nodeBody } from '../http/node-body.js'
import { listHeader, onHangUp, soleHeader } from '../http/node-request.js'
import { canRefuse, joinedField, releaseWhenClosed, reportStatus } from '../http/node-response.js'
import type { HeaderList } from '../http/ratelimit-headers.js'
import { refusalError } from '../http/refusal-error.js'
import { type DecisionHandler, runDecision } from '../http/run-decision.js'
import { createPlugin, type SluiceOptions } from './fastify/fastify-plugin.js'
import { fastifyProxies } from './fastify/fastify-proxies.js'

export { decisionOf, type RequestDecision, settle } from '../http/admitted-requests.js'
export type { HttpLimitOptions } from '../http/http-limiter.js'
export type { LimitMethods } from '../http/limit-methods.js'
export { type ErrorHeaders, RefusalError } from '../http/refusal-error.js'
export type { PluginLimitOptions, RouteLimit, SluiceOptions } from './fastify/fastify-plugin.js'

/**
 * Creates a hook that limits requests in Fastify 5.
 *
 *     import { limit } from 'sluice/fastify'
 *     app.post('/predict', { preHandler: limit('10/minute') }, predict)
 *
 * One hook limits all its routes together; call `limit` again for a separate limit. Use it as a
 * `preHandler` hook if a cost reads `request.body`, because the body has been parsed by then.
 * Otherwise it also works as an `onRequest` hook, which runs earlier. `by: 'route'` is the method
 * and the URL of the route as registered (`POST /models/:model`).
 *
 * @throws LimitSyntaxError, TypeError, RangeError if an option is invalid
 */
export function limit(
  options: string | HttpLimitOptions<FastifyRequest>,
): preHandlerHookHandler & LimitMethods<FastifyRequest> {
  const limiter = createHttpLimiter(options, access)
  const hook: preHandlerHookHandler = (request, reply, done) =>
    runDecision(limiter, request, reply, done, decisionHandler)
  return Object.assign(hook, limiter.methods)
}

/**
 * A Fastify 5 plugin that limits the routes of the scope that registers it. All routes share the
 * limit of the plugin. A route sets its own limit in its `config`:
 *
 *     import { sluice } from 'sluice/fastify'
 *     await app.register(sluice, { limit: '100/minute' })
 *     app.post('/predict', { config: { rateLimit: '10/minute' } }, predict)
 *     app.get('/health', { config: { rateLimit: false } }, health)
 *
 * Without `limit` or `rules`, only routes with a `rateLimit` are limited. A route's own limit replaces
 * that of the plugin; other options, such as `store` and `client`, are inherited. The state of a
 * route is stored under its method and URL.
 *
 * @throws LimitSyntaxError, TypeError, RangeError if an option is invalid
 */
export const sluice: FastifyPluginAsync<SluiceOptions> = createPlugin(limit)

const access: RequestAccess<FastifyRequest> = {
  method: ({ method }) => method,
  peer: (request) => request.socket.remoteAddress,
  header: ({ raw }, name) => soleHeader(raw, name),
  listHeader: ({ raw }, name) => listHeader(raw, name),
  proxies: fastifyProxies,
  onHangUp: ({ raw }, listener) => onHangUp(raw, listener),
  body: ({ body, raw }) => nodeBody(body, raw),
  route: (request) =>
    `${request.method === 'HEAD' ? 'GET' : request.method} ${request.routeOptions.url ?? '*'}`,
}

const decisionHandler: DecisionHandler<FastifyReply> = {
  rawOf: (reply) => reply.raw,
  apply(decision, reply) {
    if (decision.allowed) {
      releaseWhenClosed(reply.raw, decision.permit)
      reportStatus(reply.raw, decision.onStatus)
      setHeaders(reply, decision.fields)
      return true
    }
    // A reply that another hook has already sent takes precedence.
    if (!reply.sent && canRefuse(reply.raw)) {
      if (decision.isThrown)
        throw refusalError(
          decision.answer,
          (headers) => setHeaders(reply, headers),
          (name) => reply.getHeader(name),
        )
      const { status, headers, body } = decision.answer
      setHeaders(reply, headers)
      // A buffer is sent unchanged, whereas Fastify would add a charset to the content type of a
      // string.
      reply.code(status).send(Buffer.from(body))
    }
    return false
  },
}

/**
 * Sets headers on the reply, where Fastify keeps them until it sends them. Values of
 * `set-cookie` are appended.
 */
function setHeaders(reply: FastifyReply, headers: HeaderList): void {
  if (reply.sent) return
  for (const [name, value] of headers) reply.header(name, joinedField(reply.getHeader(name), name, value))
}
