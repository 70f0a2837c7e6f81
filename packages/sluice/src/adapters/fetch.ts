import {
  createHttpLimiter,
  type HttpLimitOptions,
  optionsOf,
  type RequestAccess,
} from '../http/http-limiter.js'
import type { LimitMethods } from '../http/limit-methods.js'
import { onHangUp } from '../http/node-request.js'
import { releaseWhenClosed } from '../http/node-response.js'
import { type NodeBindings, nodeBindingsOf } from '../http/node-server.js'
import { RefusalError } from '../http/refusal-error.js'
import { webBody, webBodySize } from '../http/web-body.js'
import { handleAdmitted, onAbort, reportingStatus, responseOf, withHeaders } from '../http/web-response.js'
import type { MaybePromise } from '../maybe-promise.js'

export { decisionOf, type RequestDecision, settle } from '../http/admitted-requests.js'
export type { HttpLimitOptions } from '../http/http-limiter.js'
export type { LimitMethods } from '../http/limit-methods.js'
export { type ErrorHeaders, RefusalError } from '../http/refusal-error.js'

/**
 * A web-standard handler. Next.js, Bun, Deno and other servers call it with the request and their
 * own context.
 */
export type FetchHandler<Context extends readonly unknown[]> = (
  request: Request,
  ...context: Context
) => MaybePromise<Response>

/** A handler behind a limit. */
export type LimitedHandler<Context extends readonly unknown[]> = (
  request: Request,
  ...context: Context
) => Promise<Response>

/** A limit, which wraps handlers. */
export interface FetchLimit<Context extends readonly unknown[]> extends LimitMethods<Request, Context> {
  (handler: FetchHandler<Context>): LimitedHandler<Context>
}

export interface FetchLimitOptions<Context extends readonly unknown[]> extends HttpLimitOptions<Request> {
  /**
   * Returns the address of the peer, which a web request does not contain. Default: the address
   * that Deno, Bun and `@hono/node-server` pass with the request. On other servers, such as
   * Next.js, a request that is counted by address fails with a TypeError unless this option is set.
   */
  readonly address?: (request: Request, ...context: Context) => string | undefined
  /**
   * Returns the method and path template of the route, for `by: 'route'`. Default: the method and
   * `*`.
   */
  readonly route?: (request: Request) => string
}

/**
 * Creates a function that limits requests to web-standard `fetch` handlers.
 *
 *     import { limit } from 'sluice/fetch'
 *     export const POST = limit({ rules: [{ limit: '10/minute' }], address })(predict)
 *
 * All handlers that one `limit(…)` wraps share its limits. Call `limit(…)` again for a separate
 * limit.
 *
 * @throws LimitSyntaxError, TypeError, RangeError if an option is invalid
 */
export function limit<Context extends readonly unknown[] = []>(
  options: string | FetchLimitOptions<Context>,
): FetchLimit<Context> {
  const { address = serverAddress, route, ...rest } = optionsOf<FetchLimitOptions<Context>>(options)
  const contexts = new WeakMap<Request, Context>()
  const nodeOf = (request: Request): NodeBindings | undefined => nodeBindingsOf(contexts.get(request)?.[0])
  const access: RequestAccess<Request> = {
    method: ({ method }) => method,
    // A decision by hand on a request may come without the arguments that its server passed.
    peer: (request) => address(request, ...(contexts.get(request) ?? ([] as unknown as Context))),
    header: (request, name) => request.headers.get(name) ?? undefined,
    listHeader: (request, name) => request.headers.get(name) ?? undefined,
    onHangUp(request, listener) {
      const node = nodeOf(request)
      return node === undefined ? onAbort(request.signal, listener) : onHangUp(node.incoming, listener)
    },
    body: webBody,
    bodySize: webBodySize,
    route: route ?? ((request) => `${request.method === 'HEAD' ? 'GET' : request.method} *`),
  }
  const limiter = createHttpLimiter<Request>(rest, access, ['address', 'route'])
  const wrap: (handler: FetchHandler<Context>) => LimitedHandler<Context> =
    (handler) =>
    async (request, ...context) => {
      contexts.set(request, context)
      const decision = await limiter.decide(request)
      if (!decision.allowed) {
        if (decision.isThrown) throw new RefusalError(decision.answer)
        return responseOf(decision.answer)
      }
      const { permit, fields, onStatus } = decision
      const node = nodeOf(request)
      // Node closes the response in every case, even if the client disconnects.
      if (node !== undefined) releaseWhenClosed(node.outgoing, permit)
      const isDisconnected = () => (node === undefined ? request.signal.aborted : node.outgoing.destroyed)
      const handle = async () => withHeaders(await handler(request, ...context), fields)
      return handleAdmitted(
        node === undefined ? permit : undefined,
        request,
        onStatus === undefined ? handle : () => reportingStatus(onStatus, isDisconnected, handle),
      )
    }
  const remember = (request: Request, context: Context | []) => {
    if (context.length > 0) contexts.set(request, context as Context)
  }
  return Object.assign(wrap, limiter.methods, {
    admit(request: Request, ...context: Context | []) {
      remember(request, context)
      return limiter.methods.admit(request)
    },
    peek(request: Request, ...context: Context | []) {
      remember(request, context)
      return limiter.methods.peek(request)
    },
    usage(request: Request, ...context: Context | []) {
      remember(request, context)
      return limiter.methods.usage(request)
    },
  })
}

/** Returns the address of the peer as the servers of several runtimes pass it. */
function serverAddress(request: Request, ...context: readonly unknown[]): string | undefined {
  const [first] = context
  const node = nodeBindingsOf(first)
  if (node !== undefined) return node.incoming.socket?.remoteAddress
  const { remoteAddr, requestIP } = (first ?? {}) as {
    /** Deno. */
    readonly remoteAddr?: { readonly hostname?: unknown }
    /** Bun. */
    readonly requestIP?: (request: Request) => { readonly address?: unknown } | null
  }
  const address =
    typeof requestIP === 'function' ? requestIP.call(first, request)?.address : remoteAddr?.hostname
  if (typeof address === 'string') return address
  throw new TypeError(
    "a rule counts by the client's address, which this server does not report: set 'address' or count by another key",
  )
}
