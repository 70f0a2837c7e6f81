import Fastify, { type FastifyRequest, type onRequestHookHandler } from 'fastify'
import { decisionOf, limit, settle, sluice } from '../../../src/adapters/fastify.js'
import { createLimits, type Framework, type ThrownRefusal } from '../framework.js'
import { appOf } from './listening.js'

/** @param usesPlugin true if the plugin limits the routes, by their `config.rateLimit` */
function fastifyFramework(hook: 'preHandler' | 'onRequest', usesPlugin = false): Framework {
  return {
    readsBody: hook === 'preHandler',
    allowsSeveralLimits: !usesPlugin,
    distinguishesRepeatedHeaders: true,
    ...(usesPlugin && { limitsByConfig: true }),
    hasProxySetting: true,
    respondsToErrors: true,
    async start(routes, { proxies, onError } = {}) {
      const app = Fastify(proxies && { trustProxy: proxies === 'everyone' ? true : '127.0.0.1' })
      if (usesPlugin) await app.register(sluice, { hook })
      for (const route of routes) {
        const { method, path, handle, before } = route
        const beforeLimits: onRequestHookHandler = (_request, reply, done) => {
          before?.(() => reply.code(503).send('early response'))
          done()
        }
        const created = createLimits(usesPlugin ? { ...route, limits: [] } : route, limit)
        const { applied: limitHooks, all: limits } = created
        app.route({
          method,
          url: path,
          ...(usesPlugin && { config: { rateLimit: route.limits[0] ?? false } }),
          onRequest: hook === 'onRequest' ? [beforeLimits, ...limitHooks] : beforeLimits,
          ...(hook === 'preHandler' && { preHandler: [...limitHooks] }),
          handler: (request) =>
            handle({
              settle: (costs) => settle(request, costs),
              decision: () => decisionOf(request),
              request,
              limits,
            }),
        })
      }
      if (onError !== undefined)
        app.setErrorHandler((error: ThrownRefusal, _request, reply) =>
          reply.code(error.status).send(onError(error)),
        )
      await app.listen({ host: '127.0.0.1', port: 0 })
      return appOf(app.server, () => app.close())
    },
    bodyOf: (request) => (request as FastifyRequest).body,
    headerOf: (request, name) => (request as FastifyRequest).headers[name]?.toString(),
  }
}

export const fastifyPreHandlerFramework = fastifyFramework('preHandler')
export const fastifyOnRequestFramework = fastifyFramework('onRequest')
export const fastifyPluginFramework = fastifyFramework('preHandler', true)
