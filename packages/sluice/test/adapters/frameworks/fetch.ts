import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { decisionOf, limit, RefusalError, settle } from '../../../src/adapters/fetch.js'
import type { LimitMethods } from '../../../src/http/limit-methods.js'
import { createLimits, type Framework, type Route } from '../framework.js'
import { respondedEarly, webStream } from './hono.js'
import { startServer } from './listening.js'

type Handler = (request: Request, env: HttpBindings) => Promise<Response>

/** Fetch handlers on a Node.js server, with simple routing. */
export const fetchFramework: Framework = {
  readsBody: false,
  allowsSeveralLimits: true,
  distinguishesRepeatedHeaders: false,
  hasProxySetting: false,
  respondsToErrors: false,
  start(routes, { onError } = {}) {
    const handlers = routes.map((route) => ({ route, handler: handlerOf(route) }))
    return startServer(
      getRequestListener(
        async (request, env) => {
          const found = handlers.find(({ route }) => matches(route, request))
          try {
            return (await found?.handler(request, env as HttpBindings)) ?? new Response('', { status: 404 })
          } catch (error) {
            if (onError === undefined || !(error instanceof RefusalError)) throw error
            const headers = error.headers as Record<string, string>
            return Response.json(onError(error), { status: error.status, headers })
          }
        },
        { errorHandler: () => new Response('', { status: 500 }) },
      ),
    )
  },
  bodyOf: () => undefined,
  headerOf: (request, name) => (request as Request).headers.get(name) ?? undefined,
}

function handlerOf(route: Route): Handler {
  const { method, path, handle, before } = route
  const { applied, all } = createLimits(route, (options) =>
    limit<[HttpBindings]>({
      ...(typeof options === 'string' ? { rules: [{ limit: options }] } : options),
      address: (_request, env) => env.incoming.socket.remoteAddress,
      route: () => `${method} ${path}`,
    }),
  )
  const innermost: Handler = async (request, env) => {
    const result = await handle({
      settle: (costs) => settle(request, costs),
      decision: () => decisionOf(request),
      request,
      limits: all.map((each) => withContext(each as LimitMethods<object, [HttpBindings]>, env)),
    })
    return new Response(typeof result === 'string' ? result : webStream(result))
  }
  const limited = applied.reduceRight<Handler>((inner, wrap) => wrap(inner), innermost)
  return (request, env) => {
    const first = respondedEarly(before).then(() => new Response('early response', { status: 503 }))
    return Promise.race([first, limited(request, env)])
  }
}

/** Passes the arguments of the server, which a handler has next to the request. */
function withContext(limit: LimitMethods<object, [HttpBindings]>, env: HttpBindings): LimitMethods<object> {
  return {
    ...limit,
    admit: (request) => limit.admit(request, env),
    peek: (request) => limit.peek(request, env),
  }
}

function matches({ method, path }: Route, request: Request): boolean {
  const verb = request.method === 'HEAD' ? 'GET' : request.method
  const pattern = new RegExp(`^${path.replace(/:\w+/g, '[^/]+')}$`)
  return verb === method && pattern.test(new URL(request.url).pathname)
}
