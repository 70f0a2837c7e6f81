import type { Context, MiddlewareHandler } from 'hono'
import { routePath } from 'hono/route'
import { createHttpLimiter, type HttpLimitOptions, type RequestAccess } from '../http/http-limiter.js'
import { type NodeRequest, soleHeader } from '../http/node-request.js'
import { onAbort, releaseWhenRead, responseOf, whileHandled, withFields } from '../http/web-response.js'

export type { HttpLimitOptions } from '../http/http-limiter.js'
export { settle } from '../http/permits.js'

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
  const { address = nodeAddress, ...others } =
    typeof options === 'string' ? { rules: [{ limit: options }] } : options
  const access: RequestAccess<Context> = {
    peer: address,
    header(context, name) {
      const incoming = incomingOf(context)
      return incoming === undefined ? context.req.header(name) : soleHeader(incoming, name)
    },
    forwardedFor: (context) => context.req.header('x-forwarded-for'),
    onHangUp: (context, gone) => onAbort(context.req.raw.signal, gone),
    route: (context) => `${context.req.method === 'HEAD' ? 'GET' : context.req.method} ${routePath(context)}`,
  }
  const limiter = createHttpLimiter<Context>(others, access)
  return async (context, next) => {
    const decision = await limiter.decide(context)
    if (!decision.allowed) return responseOf(decision.answer)
    const { permit, fields } = decision
    // Of an error that a handler throws Hono makes an answer before this goes on; other things it throws on.
    await whileHandled(permit, next)
    const answer = releaseWhenRead(withFields(context.res, fields), permit, context.req.raw)
    // Hono would put the fields of the answer before over those of the one that is set.
    context.res = undefined
    context.res = answer
    return undefined
  }
}

/** The address as `@hono/node-server` hands it on. */
function nodeAddress(context: Context): string | undefined {
  const incoming = incomingOf(context)
  if (incoming !== undefined) return incoming.socket?.remoteAddress
  throw new TypeError(
    "a rule counts by the address of the client, which this server does not tell: say where it is with 'address'",
  )
}

/** Node's own request, where `@hono/node-server` hands it on. */
function incomingOf(context: Context): NodeRequest | undefined {
  return (context.env as { readonly incoming?: NodeRequest } | undefined)?.incoming
}
