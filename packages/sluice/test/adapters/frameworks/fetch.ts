import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { decisionOf, limit, settle } from '../../../src/adapters/fetch.js'
import type { Framework, Route } from '../framework.js'
import { respondedEarly, webStream } from './hono.js'
import { startServer } from './listening.js'

type Handler = (request: Request, env: HttpBindings) => Promise<Response>

/** Fetch handlers on a Node.js server, with simple routing. */
export const fetchFramework: Framework = {
  readsBody: false,
  allowsSeveralLimits: true,
  distinguishesRepeatedHeaders: false,
  hasProxySetting: false,
  start(routes) {
    const handlers = routes.map((route) => ({ route, handler: handlerOf(route) }))
    return startServer(
      getRequestListener(
        async (request, env) => {
          const found = handlers.find(({ route }) => matches(route, request))
          return found?.handler(request, env as HttpBindings) ?? new Response('', { status: 404 })
        },
        { errorHandler: () => new Response('', { status: 500 }) },
      ),
    )
  },
  bodyOf: () => undefined,
  headerOf: (request, name) => (request as Request).headers.get(name) ?? undefined,
}

function handlerOf({ method, path, limits, handle, before }: Route): Handler {
  const innermost: Handler = async (request) => {
    const result = await handle({
      settle: (costs) => settle(request, costs),
      decision: () => decisionOf(request),
    })
    return new Response(typeof result === 'string' ? result : webStream(result))
  }
  const limited = limits.reduceRight<Handler>((inner, options) => {
    const limited = limit<[HttpBindings]>({
      ...(typeof options === 'string' ? { rules: [{ limit: options }] } : options),
      address: (_request, env) => env.incoming.socket.remoteAddress,
      route: () => `${method} ${path}`,
    })
    return limited(inner)
  }, innermost)
  return (request, env) => {
    const first = respondedEarly(before).then(() => new Response('early response', { status: 503 }))
    return Promise.race([first, limited(request, env)])
  }
}

function matches({ method, path }: Route, request: Request): boolean {
  const verb = request.method === 'HEAD' ? 'GET' : request.method
  const pattern = new RegExp(`^${path.replace(/:\w+/g, '[^/]+')}$`)
  return verb === method && pattern.test(new URL(request.url).pathname)
}
