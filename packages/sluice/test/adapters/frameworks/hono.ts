import { Readable } from 'node:stream'
import { getRequestListener } from '@hono/node-server'
import { type Context, Hono, type MiddlewareHandler } from 'hono'
import { decisionOf, limit, settle } from '../../../src/adapters/hono.js'
import { createLimits, type Framework, type Route } from '../framework.js'
import { startServer } from './listening.js'

export const honoFramework: Framework = {
  readsBody: false,
  allowsSeveralLimits: true,
  distinguishesRepeatedHeaders: true,
  hasProxySetting: false,
  start(routes) {
    const app = new Hono()
    // Keeps intended errors of handlers out of the console.
    app.onError((_error, context) => context.text('', 500))
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
