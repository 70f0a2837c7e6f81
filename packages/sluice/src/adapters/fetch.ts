import {
  createHttpLimiter,
  type HttpLimitOptions,
  optionsOf,
  type RequestAccess,
} from '../http/http-limiter.js'
import { onHangUp } from '../http/node-request.js'
import { releaseWhenClosed } from '../http/node-response.js'
import { type NodeBindings, nodeBindingsOf } from '../http/node-server.js'
import { webBody, webBodySize } from '../http/web-body.js'
import { handleAdmitted, onAbort, responseOf, withFields } from '../http/web-response.js'
import type { MaybePromise } from '../maybe-promise.js'

export { settle } from '../http/admitted-requests.js'
export type { HttpLimitOptions } from '../http/http-limiter.js'

/** A handler of the web's standard: Next.js, Bun, Deno and others call one with what they know beside the request. */
export type FetchHandler<Context extends readonly unknown[]> = (
  request: Request,
  ...context: Context
) => MaybePromise<Response>

export interface FetchLimitOptions<Context extends readonly unknown[]> extends HttpLimitOptions<Request> {
  /**
   * The address at the other end of the connection, which a request of the web's standard does not have. Default: what Deno,
   * Bun and `@hono/node-server` pass beside the request; elsewhere, as in Next.js, a request that has to be counted by its
   * address fails with a TypeError.
   */
  readonly address?: (request: Request, ...context: Context) => string | undefined
  /** Method and template of the route, for `by: 'route'`. Default: the method and `*`. */
  readonly route?: (request: Request) => string
}

/**
 * Limits for handlers of the web's standard `fetch`.
 *
 *     import { limit } from 'sluice/fetch'
 *     export const POST = limit({ rules: [{ limit: '10/minute' }], address })(async (request) => Response.json({ prediction: 1 }))
 *
 * One `limit(…)` limits all the handlers that it is put around together; call it again for a limit of its own.
 *
 * @throws LimitSyntaxError, TypeError, RangeError that say what is wrong with the options.
 */
export function limit<Context extends readonly unknown[] = []>(
  options: string | FetchLimitOptions<Context>,
): (handler: FetchHandler<Context>) => (request: Request, ...context: Context) => Promise<Response> {
  const { address = serverAddress, route, ...others } = optionsOf<FetchLimitOptions<Context>>(options)
  const contexts = new WeakMap<Request, Context>()
  const nodeOf = (request: Request): NodeBindings | undefined => nodeBindingsOf(contexts.get(request)?.[0])
  const access: RequestAccess<Request> = {
    peer: (request) => address(request, ...(contexts.get(request) as Context)),
    header: (request, name) => request.headers.get(name) ?? undefined,
    forwardedFor: (request) => request.headers.get('x-forwarded-for') ?? undefined,
    onHangUp(request, gone) {
      const node = nodeOf(request)
      return node === undefined ? onAbort(request.signal, gone) : onHangUp(node.incoming, gone)
    },
    body: webBody,
    bodySize: webBodySize,
    route: route ?? ((request) => `${request.method === 'HEAD' ? 'GET' : request.method} *`),
  }
  const limiter = createHttpLimiter<Request>(others, access, ['address', 'route'])
  return (handler) =>
    async (request, ...context) => {
      contexts.set(request, context)
      const decision = await limiter.decide(request)
      if (!decision.allowed) return responseOf(decision.answer)
      const { permit, fields } = decision
      const node = nodeOf(request)
      // Node's own response ends for every reason that an answer has to end.
      if (node !== undefined) releaseWhenClosed(node.outgoing, permit)
      return handleAdmitted(node === undefined ? permit : undefined, request, async () =>
        withFields(await handler(request, ...context), fields),
      )
    }
}

/** The address as servers of several kinds pass it beside the request. */
function serverAddress(request: Request, ...context: readonly unknown[]): string | undefined {
  const [given] = context
  const node = nodeBindingsOf(given)
  if (node !== undefined) return node.incoming.socket?.remoteAddress
  const { remoteAddr, requestIP } = (given ?? {}) as {
    /** Deno. */
    readonly remoteAddr?: { readonly hostname?: unknown }
    /** Bun. */
    readonly requestIP?: (request: Request) => { readonly address?: unknown } | null
  }
  const address =
    typeof requestIP === 'function' ? requestIP.call(given, request)?.address : remoteAddr?.hostname
  if (typeof address === 'string') return address
  throw new TypeError(
    "a rule counts by the address of the client: say where it is with 'address', or count by something else",
  )
}
