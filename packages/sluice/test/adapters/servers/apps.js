import { once } from 'node:events'
import { createServer } from 'node:http'
import { Readable } from 'node:stream'

/**
 * @typedef {import('node:http').Server} Server
 * @typedef {{ path: string, options: any, handle: () => Promise<string | Readable> }} ChaosRoute
 */

/**
 * Functions that start an app with the given routes for all methods, by framework. Each loads only
 * its own framework.
 *
 * @type {Record<string, (routes: ChaosRoute[]) => Promise<Server>>}
 */
export const apps = {
  express4: async (routes) => startServer(await expressApp((await import('express4')).default, routes)),
  express5: async (routes) => startServer(await expressApp((await import('express')).default, routes)),
  async fastify(routes) {
    const [{ default: Fastify }, { limit }] = await Promise.all([import('fastify'), import('sluice/fastify')])
    const app = Fastify()
    for (const { path, options, handle } of routes)
      app.all(path, { preHandler: limit(options) }, () => handle())
    await app.listen({ host: '127.0.0.1', port: 0 })
    return app.server
  },
  async koa(routes) {
    const { default: Koa } = await import('koa')
    const { default: Router } = await import('@koa/router')
    const { limit } = await import('sluice/koa')
    const app = new Koa()
    app.silent = true
    const router = new Router()
    for (const { path, options, handle } of routes) {
      router.all(path, limit(options), async (context) => {
        context.body = await handle()
      })
    }
    app.use(router.routes())
    return startServer(app.callback())
  },
  async hono(routes) {
    const { Hono } = await import('hono')
    const { getRequestListener } = await import('@hono/node-server')
    const { limit } = await import('sluice/hono')
    const app = new Hono()
    app.onError((_error, context) => context.text('', 500))
    for (const { path, options, handle } of routes)
      app.all(path, limit(options), async () => webResponse(await handle()))
    return startServer(getRequestListener(app.fetch))
  },
  async fetch(routes) {
    const { getRequestListener } = await import('@hono/node-server')
    const { limit } = await import('sluice/fetch')
    const handlers = new Map(
      routes.map(({ path, options, handle }) => [
        path,
        limit(options)(async () => webResponse(await handle())),
      ]),
    )
    return startServer(
      getRequestListener(
        (request, env) => {
          const handler = handlers.get(new URL(request.url).pathname)
          // @ts-expect-error the type of the handler has no additional arguments
          return handler?.(request, env) ?? new Response('', { status: 404 })
        },
        { errorHandler: () => new Response('', { status: 500 }) },
      ),
    )
  },
  /** Passes only the request to the handler, as most platforms for `fetch` handlers do. */
  async fetchAlone(routes) {
    const { limit } = await import('sluice/fetch')
    const handlers = new Map(
      routes.map(({ path, options, handle }) => [
        path,
        limit(options)(async () => webResponse(await handle())),
      ]),
    )
    return startServer((incoming, outgoing) => {
      const handler = handlers.get(new URL(incoming.url ?? '', 'http://localhost').pathname)
      const notFound = async () => new Response('', { status: 404 })
      void serveWeb(incoming, outgoing, handler ?? notFound)
    })
  },
  async nestExpress(routes) {
    const { ExpressAdapter } = await import('@nestjs/platform-express')
    return nestApp(new ExpressAdapter(), routes)
  },
  async nestFastify(routes) {
    const { FastifyAdapter } = await import('@nestjs/platform-fastify')
    return nestApp(new FastifyAdapter(), routes)
  },
}

/** @param {any} make @param {ChaosRoute[]} routes */
async function expressApp(make, routes) {
  const { limit } = await import('sluice/express')
  const app = make()
  app.set('env', 'test')
  for (const { path, options, handle } of routes) {
    app.use(path, make.json())
    app.all(
      path,
      limit(options),
      async (/** @type {any} */ _request, /** @type {any} */ response, /** @type {any} */ next) => {
        try {
          send(await handle(), response)
        } catch (error) {
          next(error)
        }
      },
    )
  }
  return app
}

/** @param {any} adapter @param {ChaosRoute[]} routes */
async function nestApp(adapter, routes) {
  await import('reflect-metadata')
  const { All, Controller, Module, Req, Res } = await import('@nestjs/common')
  const { NestFactory } = await import('@nestjs/core')
  const { Limit, LimitModule } = await import('sluice/nest')
  class Routes {}
  const handlers = /** @type {Record<string, Function>} */ (Routes.prototype)
  routes.forEach(({ path, options, handle }, index) => {
    const name = `handle${index}`
    handlers[name] = async (/** @type {any} */ _request, /** @type {any} */ reply) => {
      const result = await handle()
      if ('raw' in reply) reply.hijack()
      send(result, reply.raw ?? reply)
    }
    const property = /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(handlers, name))
    All(path)(handlers, name, property)
    Limit(options)(handlers, name, property)
    Req()(handlers, name, 0)
    Res()(handlers, name, 1)
  })
  Controller()(Routes)
  class App {}
  Module({ imports: [LimitModule.forRoot()], controllers: [Routes] })(App)
  const app = await NestFactory.create(App, adapter, { logger: false })
  await app.listen(0, '127.0.0.1')
  return app.getHttpServer()
}

/** @param {string | Readable} result @param {import('node:http').ServerResponse} response */
function send(result, response) {
  if (typeof result === 'string') {
    response.end(result)
    return
  }
  result.pipe(response)
  response.once('close', () => result.destroy())
  if (response.destroyed || response.req.socket.destroyed) result.destroy()
}

/**
 * Serves one request with a web-standard handler. Aborts the request's signal when the connection
 * closes, which Node does not report on responses that are queued behind pipelined requests.
 *
 * @param {import('node:http').IncomingMessage} incoming
 * @param {import('node:http').ServerResponse} outgoing
 * @param {(request: Request) => Promise<Response>} handler
 */
async function serveWeb(incoming, outgoing, handler) {
  const { method, url = '', socket } = incoming
  const disconnect = new AbortController()
  const onClose = () => disconnect.abort()
  socket.setMaxListeners(0).once('close', onClose)
  const hasBody = method !== 'GET' && method !== 'HEAD'
  try {
    const request = new Request(new URL(url, 'http://localhost'), {
      ...(method !== undefined && { method }),
      signal: disconnect.signal,
      ...(hasBody && { body: Readable.toWeb(incoming), duplex: 'half' }),
    })
    const response = await handler(request)
    if (disconnect.signal.aborted) return await response.body?.cancel()
    outgoing.writeHead(response.status, Object.fromEntries(response.headers))
    if (response.body === null || method === 'HEAD') return outgoing.end()
    await Readable.fromWeb(response.body).forEach(async (chunk) => {
      if (disconnect.signal.aborted) throw new Error('the client disconnected')
      outgoing.write(chunk)
    })
    outgoing.end()
  } catch {
    if (!outgoing.headersSent) outgoing.writeHead(500)
    outgoing.end()
  } finally {
    socket.off('close', onClose)
  }
}

/** @param {string | Readable} result */
function webResponse(result) {
  return new Response(
    typeof result === 'string' ? result : /** @type {ReadableStream} */ (Readable.toWeb(result)),
  )
}

/** @param {import('node:http').RequestListener} listener */
async function startServer(listener) {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}
