import { Controller } from '@nestjs/common'
import express, { type RequestHandler } from 'express'
import fastify, { type FastifyRequest, type preHandlerHookHandler } from 'fastify'
import type { Context as HonoContext, MiddlewareHandler } from 'hono'
import type { Context as KoaContext, Middleware } from 'koa'
import { type LimitMethods, limit as limitExpress, settle as settleOnExpress } from 'sluice/express'
import { limit as limitFastify, settle as settleOnFastify } from 'sluice/fastify'
import { limit as limitFetch, settle as settleOnFetch } from 'sluice/fetch'
import { limit as limitHono, settle as settleOnHono } from 'sluice/hono'
import { limit as limitKoa, settle as settleOnKoa } from 'sluice/koa'
import { Limit, LimitModule, type NestRequest, settle as settleOnNest, Unlimited } from 'sluice/nest'
import { expectTypeOf } from 'vitest'

/** Compiled by `npm run types`: each adapter passes its framework's requests to user functions. */

expectTypeOf(limitExpress('10/minute')).toEqualTypeOf<RequestHandler & LimitMethods<express.Request>>()
express().post('/predict', limitExpress('10/minute'), (_request, response) => void response.json({}))
limitExpress({ rules: [{ limit: '1/s', cost: (request) => request.body.length }] })
// @ts-expect-error a request of Express has no such property
limitExpress({ rules: [{ limit: '1/s', cost: (request) => request.rows }] })
// @ts-expect-error the adapter defines 'keys' itself
limitExpress({ rules: [], keys: { ip: () => '' } })

expectTypeOf(limitFastify('10/minute')).toEqualTypeOf<preHandlerHookHandler & LimitMethods<FastifyRequest>>()
fastify().post('/predict', { preHandler: limitFastify('10/minute') }, async () => ({}))
fastify().post('/early', { onRequest: limitFastify('10/minute') }, async () => ({}))
limitFastify({ rules: [{ limit: '1/s', by: (request) => String(request.routeOptions.url) }] })

expectTypeOf(limitKoa('10/minute')).toEqualTypeOf<Middleware & LimitMethods<KoaContext>>()
limitKoa({ rules: [{ limit: '1/s', by: (context) => context.path }] })

expectTypeOf(limitHono('10/minute')).toEqualTypeOf<MiddlewareHandler & LimitMethods<HonoContext>>()
limitHono({
  rules: [{ limit: '1/s', by: (context) => context.req.path }],
  address: (context) => context.req.url,
})

// A handler keeps its additional arguments.
const handler = limitFetch<[{ readonly server: string }]>({
  rules: [{ limit: '1/s', by: (request) => request.url }],
  address: (_request, { server }) => server,
})(async (_request, { server }) => new Response(server))
expectTypeOf(handler).parameters.toEqualTypeOf<[Request, { readonly server: string }]>()
expectTypeOf(handler).returns.toEqualTypeOf<Promise<Response>>()
const limitedByEnv = limitFetch<[{ readonly server: string }]>('10/minute')
limitedByEnv.admit(new Request('http://a'), { server: 'a' })
limitedByEnv.peek(new Request('http://a'))
// @ts-expect-error the argument of another server
limitedByEnv.peek(new Request('http://a'), 'a')
// @ts-expect-error a request or a key
limitFetch('10/minute').charge(5, 1)

expectTypeOf(Limit('10/minute')).toEqualTypeOf<ClassDecorator & MethodDecorator & LimitMethods<NestRequest>>()
expectTypeOf(Unlimited()).toEqualTypeOf<ClassDecorator & MethodDecorator>()
class Predictions {}
Limit({ rules: [{ limit: '1/s', by: (request: NestRequest) => String(request.method) }] })(Predictions)
Controller()(Predictions)
LimitModule.forRoot('60/minute')
LimitModule.forRoot()

// Every adapter settles an admitted request in the same way.
type Settle = typeof settleOnExpress
for (const settle of [settleOnFastify, settleOnFetch, settleOnHono, settleOnKoa, settleOnNest])
  expectTypeOf(settle).toEqualTypeOf<Settle>()
expectTypeOf(settleOnExpress).returns.toEqualTypeOf<Promise<void>>()
// @ts-expect-error a cost is a number
settleOnExpress({}, { tokens: '812' })
