import 'reflect-metadata'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import {
  type ArgumentsHost,
  Catch,
  Controller,
  type ExceptionFilter,
  Get,
  HttpException,
  type INestApplication,
  Module,
  Options,
  Post,
  Req,
  Res,
} from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { decisionOf, Limit, LimitModule, type NestRequest, settle } from '../../../src/adapters/nest.js'
import type { LimitMethods } from '../../../src/http/limit-methods.js'
import {
  createLimits,
  type Framework,
  type ProxySetting,
  type Route,
  type ThrownRefusal,
} from '../framework.js'
import { appOf } from './listening.js'

const VERBS = { GET: Get, POST: Post, OPTIONS: Options }

type NestReply = ServerResponse | { readonly raw: ServerResponse; hijack(): unknown }

function nestFramework(
  create: (module: object, proxies: ProxySetting | undefined) => Promise<INestApplication>,
): Framework {
  return {
    readsBody: true,
    allowsSeveralLimits: false,
    distinguishesRepeatedHeaders: true,
    hasProxySetting: true,
    respondsToErrors: true,
    async start(routes, { proxies, onError } = {}) {
      const app = await create(moduleOf(routes), proxies)
      app.use((request: IncomingMessage, response: ServerResponse, next: () => void) => {
        routes
          .find(({ path }) => path === request.url)
          ?.before?.(() => {
            response.statusCode = 503
            response.end('early response')
          })
        next()
      })
      if (onError !== undefined) app.useGlobalFilters(errorFilter(onError))
      await app.listen(0, '127.0.0.1')
      return appOf(app.getHttpServer() as Server, () => app.close())
    },
    bodyOf: (request) => (request as NestRequest).body,
    headerOf: (request, name) => (request as NestRequest).headers[name]?.toString(),
  }
}

/** Creates a module. Calls its decorators as functions, because the test defines the routes. */
function moduleOf(routes: readonly Route[]): object {
  class Routes {}
  const handlers = Routes.prototype as unknown as Record<string, unknown>
  routes.forEach((route, index) => {
    const name = `handle${index}`
    const { applied, all: limits } = createLimits(route, Limit)
    handlers[name] = (request: NestRequest, reply: NestReply) => respond(route, limits, request, reply)
    const property = Object.getOwnPropertyDescriptor(handlers, name) as PropertyDescriptor
    VERBS[route.method](route.path)(handlers, name, property)
    for (const decorate of applied) decorate(handlers, name, property)
    Req()(handlers, name, 0)
    Res()(handlers, name, 1)
  })
  Controller()(Routes)
  class App {}
  Module({ imports: [LimitModule.forRoot()], controllers: [Routes] })(App)
  return App
}

/** Creates a filter like those that applications use to send every error in one format. */
function errorFilter(onError: (error: ThrownRefusal) => object): ExceptionFilter {
  class ErrorFilter implements ExceptionFilter {
    catch(error: HttpException, host: ArgumentsHost) {
      const reply = host.switchToHttp().getResponse<NestReply>()
      if ('raw' in reply) reply.hijack()
      const response = 'raw' in reply ? reply.raw : reply
      response.statusCode = error.getStatus()
      response.setHeader('content-type', 'application/json')
      const { message } = error
      const thrown = { status: error.getStatus(), message, problem: error.getResponse(), headers: undefined }
      response.end(JSON.stringify(onError(thrown)))
    }
  }
  Catch(HttpException)(ErrorFilter)
  return new ErrorFilter()
}

async function respond(
  { handle }: Route,
  limits: readonly LimitMethods<object>[],
  request: NestRequest,
  reply: NestReply,
): Promise<void> {
  const result = await handle({
    settle: (costs) => settle(request, costs),
    decision: () => decisionOf(request),
    request,
    limits,
  })
  if ('raw' in reply) reply.hijack()
  const response = 'raw' in reply ? reply.raw : reply
  response.statusCode = 200
  if (typeof result === 'string') {
    response.end(result)
    return
  }
  response.flushHeaders()
  result.pipe(response)
  response.once('close', () => result.destroy())
}

export const nestOnExpress = nestFramework(async (module, proxies) => {
  const adapter = new ExpressAdapter()
  if (proxies !== undefined) adapter.set('trust proxy', proxies === 'everyone' ? true : proxies)
  return NestFactory.create(module, adapter, { logger: false })
})
export const nestOnFastify = nestFramework((module, proxies) => {
  const adapter = new FastifyAdapter(proxies && { trustProxy: proxies === 'everyone' ? true : '127.0.0.1' })
  return NestFactory.create(module, adapter, { logger: false })
})
