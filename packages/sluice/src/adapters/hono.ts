import type { Context, MiddlewareHandler } from 'hono'
import {
  createHttpLimiter,
  type HttpLimitOptions,
  optionsOf,
  type RequestAccess,
} from '../http/http-limiter.js'
import type { LimitMethods } from '../http/limit-methods.js'
import { onHangUp, soleHeader } from '../http/node-request.js'
import { releaseWhenClosed } from '../http/node-response.js'
import { type NodeBindings, nodeBindingsOf } from '../http/node-server.js'
import { RefusalError } from '../http/refusal-error.js'
import { webBody, webBodySize } from '../http/web-body.js'
import { handleAdmitted, onAbort, reportingStatus, responseOf, withHeaders } from '../http/web-response.js'

export { decisionOf, type RequestDecision, settle } from '../http/admitted-requests.js'
export type { HttpLimitOptions } from '../http/http-limiter.js'
export type { LimitMethods } from '../http/limit-methods.js'
export { type ErrorHeaders, RefusalError } from '../http/refusal-error.js'

export interface HonoLimitOptions extends HttpLimitOptions<Context> {
  /**
   * Returns the address of the peer. Default: the address that `@hono/node-server` reports. On
   * other servers, a request that is counted by address fails with a TypeError unless this option
   * is set. `getConnInfo` of the runtime's adapter returns the address.
   */
  readonly address?: (context: Context) => string | undefined
}

/**
 * Creates middleware that limits requests in Hono 4.
 *
 *     import { limit } from 'sluice/hono'
 *     app.post('/predict', limit('10/minute'), (context) => context.json({ prediction: 1 }))
 *
 * One middleware limits all its routes together; call `limit` again for a separate limit. Rules
 * receive the context. `by: 'route'` is the method and the path of the route as registered (`POST
 * /models/:model`).
 *
 * @throws LimitSyntaxError, TypeError, RangeError if an option is invalid
 */
export function limit(options: string | HonoLimitOptions): MiddlewareHandler & LimitMethods<Context> {
  const { address = nodeAddress, ...rest } = optionsOf<HonoLimitOptions>(options)
  const access: RequestAccess<Context> = {
    method: ({ req }) => req.method,
    peer: address,
    header(context, name) {
      const node = bindingsOf(context)
      return node === undefined ? context.req.header(name) : soleHeader(node.incoming, name)
    },
    listHeader: (context, name) => context.req.header(name),
    onHangUp(context, listener) {
      const node = bindingsOf(context)
      return node === undefined
        ? onAbort(context.req.raw.signal, listener)
        : onHangUp(node.incoming, listener)
    },
    // Hono caches a body that the application has read.
    body: ({ req }) => (req.raw.bodyUsed ? req.json() : webBody(req.raw)),
    bodySize: ({ req }) =>
      req.raw.bodyUsed ? req.arrayBuffer().then(({ byteLength }) => byteLength) : webBodySize(req.raw),
    route: (context) =>
      `${context.req.method === 'HEAD' ? 'GET' : context.req.method} ${context.req.routePath}`,
  }
  const limiter = createHttpLimiter<Context>(rest, access, ['address'])
  const middleware: MiddlewareHandler = async (context, next) => {
    const decision = await limiter.decide(context)
    if (!decision.allowed) {
      if (decision.isThrown) throw new RefusalError(decision.answer)
      return responseOf(decision.answer)
    }
    const { permit, fields, onStatus } = decision
    const node = bindingsOf(context)
    // Node closes the response in every case, even if the client disconnects.
    if (node !== undefined) releaseWhenClosed(node.outgoing, permit)
    const handle = async () => {
      // Hono turns an error of a handler into a response before this continues, and rethrows other
      // values.
      await next()
      return withHeaders(context.res, fields)
    }
    const isDisconnected = () =>
      node === undefined ? context.req.raw.signal.aborted : node.outgoing.destroyed
    const response = await handleAdmitted(
      node === undefined ? permit : undefined,
      context.req.raw,
      onStatus === undefined ? handle : () => reportingStatus(onStatus, isDisconnected, handle),
    )
    // Without the reset, Hono would write the headers of the previous response over those of the
    // new one.
    context.res = undefined
    context.res = response
    return undefined
  }
  return Object.assign(middleware, limiter.methods)
}

/** Returns the address of the peer that `@hono/node-server` reports. */
function nodeAddress(context: Context): string | undefined {
  const node = bindingsOf(context)
  if (node !== undefined) return node.incoming.socket?.remoteAddress
  throw new TypeError(
    "a rule counts by the client's address, which this server does not report: set 'address' or count by another key",
  )
}

/** Returns Node's request and response if `@hono/node-server` provides them. */
function bindingsOf(context: Context): NodeBindings | undefined {
  return nodeBindingsOf(context.env)
}
