import { json } from 'node:stream/consumers'
import Router from '@koa/router'
import Koa, { type Context } from 'koa'
import { decisionOf, limit, settle } from '../../../src/adapters/koa.js'
import { createLimits, type Framework, type ThrownRefusal } from '../framework.js'
import { startServer } from './listening.js'

export const koaFramework: Framework = {
  readsBody: true,
  allowsSeveralLimits: true,
  distinguishesRepeatedHeaders: true,
  hasProxySetting: true,
  respondsToErrors: true,
  start(routes, { proxies, onError } = {}) {
    const app = new Koa(proxies && { proxy: true, maxIpsCount: proxies === 'everyone' ? 0 : 1 })
    // Keeps intended errors of handlers out of the console.
    app.silent = true
    if (onError !== undefined)
      app.use(async (context, next) => {
        try {
          await next()
        } catch (error) {
          context.status = (error as ThrownRefusal).status
          context.body = onError(error as ThrownRefusal)
        }
      })
    const router = new Router()
    for (const route of routes) {
      const { method, path, handle, before } = route
      const { applied, all: limits } = createLimits(route, limit)
      const handler = async (context: Context) => {
        context.body = await handle({
          settle: (costs) => settle(context, costs),
          decision: () => decisionOf(context),
          request: context,
          limits,
        })
      }
      const beforeLimits = (context: Context, next: () => Promise<unknown>) => {
        before?.(() => {
          context.res.statusCode = 503
          context.res.end('early response')
        })
        return next()
      }
      router.register(path, [method], [readBody, beforeLimits, ...applied, handler])
    }
    app.use(router.routes())
    return startServer(app.callback())
  },
  bodyOf: (request) => (request as Context).state.body,
  headerOf: (request, name) => (request as Context).get(name) || undefined,
}

async function readBody(context: Context, next: () => Promise<unknown>): Promise<void> {
  if (context.get('content-type') === 'application/json') context.state.body = await json(context.req)
  await next()
}
