import { createHttpLimiter, type HttpLimitOptions, type RequestAccess } from '../http/http-limiter.js'
import { onAbort, releaseWhenRead, responseOf, whileHandled, withFields } from '../http/web-response.js'
import type { MaybePromise } from '../maybe-promise.js'

export type { HttpLimitOptions } from '../http/http-limiter.js'
export { settle } from '../http/permits.js'

/** A handler of the web's standard: Next.js, Bun, Deno and others call one with what they know beside the request. */
export type FetchHandler<Context extends readonly unknown[]> = (
  request: Request,
  ...context: Context
) => MaybePromise<Response>

export interface FetchLimitOptions<Context extends readonly unknown[]> extends HttpLimitOptions<Request> {
  /**
   * The address at the other end of the connection, which a request of the web's standard does not have. In Deno
   * `(_request, info) => info.remoteAddr.hostname`, in Bun `(request, server) => server.requestIP(request)?.address`. Without it rules count by
   * something else than `ip` and visitors; a request that has to be counted by its address fails with a TypeError.
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
 * One `limit(…)` limits all the handlers that it is put around together; call it again for a limit of its own. A rule that reads the body
 * takes a clone of the request in its `client`, as that may take a while.
 *
 * @throws LimitSyntaxError, TypeError, RangeError that say what is wrong with the options.
 */
export function limit<Context extends readonly unknown[] = []>(
  options: FetchLimitOptions<Context>,
): (handler: FetchHandler<Context>) => (request: Request, ...context: Context) => Promise<Response> {
  const { address, route, ...others } = options
  const peers = new WeakMap<Request, string>()
  const access: RequestAccess<Request> = {
    peer(request) {
      if (address === undefined)
        throw new TypeError(
          "a rule counts by the address of the client: say where it is with 'address', or count by something else",
        )
      return peers.get(request)
    },
    header: (request, name) => request.headers.get(name) ?? undefined,
    forwardedFor: (request) => request.headers.get('x-forwarded-for') ?? undefined,
    onHangUp: (request, gone) => onAbort(request.signal, gone),
    route: route ?? ((request) => `${request.method === 'HEAD' ? 'GET' : request.method} *`),
  }
  const limiter = createHttpLimiter<Request>(others, access)
  return (handler) =>
    async (request, ...context) => {
      const peer = address?.(request, ...context)
      if (peer !== undefined) peers.set(request, peer)
      const decision = await limiter.decide(request)
      if (!decision.allowed) return responseOf(decision.answer)
      const { permit, fields } = decision
      return whileHandled(permit, async () => {
        const response = await handler(request, ...context)
        return releaseWhenRead(withFields(response, fields), permit, request)
      })
    }
}
