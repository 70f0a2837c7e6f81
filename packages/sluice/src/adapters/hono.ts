import type { Context, MiddlewareHandler } from 'hono'
import {
  createHttpLimiter,
  type HttpLimitOptions,
  optionsOf,
  type RequestAccess,
} from '../http/http-limiter.js'
import { onHangUp, soleHeader } from '../http/node-request.js'
import { releaseWhenClosed } from '../http/node-response.js'
import { type NodeBindings, nodeBindingsOf } from '../http/node-server.js'
import { webBody, webBodySize } from '../http/web-body.js'
import { handleAdmitted, onAbort, responseOf, withFields } from '../http/web-response.js'

export { settle } from '../http/admitted-requests.js'
export type { HttpLimitOptions } from '../http/http-limiter.js'

export interface HonoLimitOptions extends HttpLimitOptions<Context> {
  /**
   * The address at the other end of the connection. Default: what `@hono/node-server` knows; elsewhere a request that has to be counted by
   * its address fails with a TypeError, and `getConnInfo` of the runtime's adapter knows it.
   */
  readonly address?: (context: Context) => string | undefined
}

/**
 * Limits for Hono 4.
 *
 *     import { limit } from 'sluice/hono'
 *     app.post('/predict', limit('10/minute'), (context) => context.json({ prediction: 1 }))
 *
 * One middleware limits all the routes that it is put before together; call `limit` again for a limit of its own. Rules are given the context.
 * `by: 'route'` is the method and the path as it was given to the route (`POST /models/:model`).
 *
 * @throws LimitSyntaxError, TypeError, RangeError that say what is wrong with the options.
 */
export function limit(options: string | HonoLimitOptions): MiddlewareHandler {
  const { address = nodeAddress, ...others } = optionsOf<HonoLimitOptions>(options)
  const access: RequestAccess<Context> = {
    peer: address,
    header(context, name) {
      const node = bindingsOf(context)
      return node === undefined ? context.req.header(name) : soleHeader(node.incoming, name)
    },
    forwardedFor: (context) => context.req.header('x-forwarded-for'),
    onHangUp(context, gone) {
      const node = bindingsOf(context)
      return node === undefined ? onAbort(context.req.raw.signal, gone) : onHangUp(node.incoming, gone)
    },
    // A body that the application has read before, Hono keeps.
    body: ({ req }) => (req.raw.bodyUsed ? req.json() : webBody(req.raw)),
    bodySize: ({ req }) =>
      req.raw.bodyUsed ? req.arrayBuffer().then(({ byteLength }) => byteLength) : webBodySize(req.raw),
    route: (context) =>
      `${context.req.method === 'HEAD' ? 'GET' : context.req.method} ${context.req.routePath}`,
  }
  const limiter = createHttpLimiter<Context>(others, access, ['address'])
  return async (context, next) => {
    const decision = await limiter.decide(context)
    if (!decision.allowed) return responseOf(decision.answer)
    const { permit, fields } = decision
    const node = bindingsOf(context)
    // Node's own response ends for every reason that an answer has to end.
    if (node !== undefined) releaseWhenClosed(node.outgoing, permit)
    const handle = async () => {
      // Of an error that a handler throws Hono makes an answer before this goes on; other things it throws on.
      await next()
      return withFields(context.res, fields)
    }
    const answer = await handleAdmitted(node === undefined ? permit : undefined, context.req.raw, handle)
    // Hono would put the fields of the answer before over those of the one that is set.
    context.res = undefined
    context.res = answer
    return undefined
  }
}

/** The address as `@hono/node-server` hands it on. */
function nodeAddress(context: Context): string | undefined {
  const node = bindingsOf(context)
  if (node !== undefined) return node.incoming.socket?.remoteAddress
  throw new TypeError(
    "a rule counts by the address of the client, which this server does not tell: say where it is with 'address'",
  )
}

/** Node's own request and response, where `@hono/node-server` hands them on. */
function bindingsOf(context: Context): NodeBindings | undefined {
  return nodeBindingsOf(context.env)
}
