import type { Readable } from 'node:stream'
import express, { type Request } from 'express'
import express4 from 'express4'
import { decisionOf, limit, settle } from '../../../src/adapters/express.js'
import type { LimitMethods } from '../../../src/http/limit-methods.js'
import { createLimits, type Framework, type Route } from '../framework.js'
import { startServer } from './listening.js'

function expressFramework(createApp: typeof express): Framework {
  return {
    readsBody: true,
    allowsSeveralLimits: true,
    distinguishesRepeatedHeaders: true,
    hasProxySetting: true,
    respondsToErrors: true,
    start(routes, { proxies, onError } = {}) {
      const app = createApp()
      if (proxies !== undefined) app.set('trust proxy', proxies === 'everyone' ? true : proxies)
      app.use(createApp.json())
      // Express writes errors to the console unless its `env` is `test`.
      app.set('env', 'test')
      for (const route of routes) {
        const verb = route.method.toLowerCase() as 'get' | 'post' | 'options'
        const { applied, all } = createLimits(route, limit)
        app[verb](route.path, earlierMiddleware(route), ...applied, handlerOf(route, all))
      }
      if (onError !== undefined) {
        const handler: express.ErrorRequestHandler = (error, _request, response, _next) => {
          response.status(error.status).json(onError(error))
        }
        app.use(handler)
      }
      return startServer(app)
    },
    bodyOf: (request) => (request as Request).body,
    headerOf: (request, name) => (request as Request).get(name),
  }
}

function earlierMiddleware({ before }: Route): express.RequestHandler {
  return (_request, response, next) => {
    before?.(() => response.status(503).send('early response'))
    next()
  }
}

function handlerOf({ handle }: Route, limits: readonly LimitMethods<object>[]): express.RequestHandler {
  return async (request, response, next) => {
    try {
      const result = await handle({
        settle: (costs) => settle(request, costs),
        decision: () => decisionOf(request),
        request,
        limits,
      })
      if (typeof result === 'string') response.send(result)
      else stream(result, response)
    } catch (error) {
      next(error)
    }
  }
}

function stream(result: Readable, response: express.Response): void {
  result.pipe(response)
  response.once('close', () => result.destroy())
}

export const express5Framework = expressFramework(express)
export const express4Framework = expressFramework(express4)
