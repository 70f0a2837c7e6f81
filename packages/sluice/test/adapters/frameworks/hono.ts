import { Readable } from 'node:stream'
import { getRequestListener } from '@hono/node-server'
import { type Context, Hono, type MiddlewareHandler } from 'hono'
import { decisionOf, limit, RefusalError, settle } from '../../../src/adapters/hono.js'
import { createLimits, type Framework, type Route } from '../framework.js'
import { startServer } from './listening.js'

export const honoFramework: Framework = {
  readsBody: false,
  allowsSeveralLimits: true,
  distinguishesRepeatedHeaders: true,
  hasProxySetting: false,
  respondsToErrors: true,
  start(routes, { onError } = {}) {
    const app = new Hono()
    app.onError((error, context) => {
      if (!(error instanceof RefusalError)) return context.text('', 500)
      if (onError === undefined) return error.getResponse()
      for (const [name, value] of Object.entries(error.headers)) context.header(name, String(value))
      return context.json(onError(error), error.status as 429)
    })
    for (const route of routes) {
      const { method, path, handle, before } = route
      const { applied, all: limits } = createLimits(route, limit)
      const beforeLimits: MiddlewareHandler = async (context, next) => {
        const first = respondedEarly(before)
        const isFirst = await Promise.race([first.then(() => true), next().then(() => false)])
        if (isFirst) context.res = context.text('early response', 503)
      }
      const handlers = [beforeLimits, ...applied]
      app.on(method, [path], ...handlers, async (context) => {
        const result = await handle({
          settle: (costs) => settle(context, costs),
          decision: () => decisionOf(context),
          request: context,
          limits,
        })
        return typeof result === 'string' ? context.text(result) : context.body(webStream(result))
      })
    }
    return startServer(getRequestListener(app.fetch))
  },
  bodyOf: () => undefined,
  headerOf: (request, name) => (request as Context).req.header(name),
}

/** Resolves when `before` sends a response ahead of the limits. */
export function respondedEarly(before: Route['before']): Promise<void> {
  return new Promise((resolve) => before?.(resolve))
}

export function webStream(body: Readable): ReadableStream<Uint8Array> {
  return Readable.toWeb(body) as ReadableStream<Uint8Array>
}
