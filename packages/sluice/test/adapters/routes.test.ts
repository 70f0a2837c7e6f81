import 'reflect-metadata'
import type { Server } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import Router from '@koa/router'
import {
  Controller,
  type DynamicModule,
  HttpCode,
  type INestApplication,
  Post,
  RequestMethod,
  VersioningType,
} from '@nestjs/common'
import { NestFactory, RouterModule } from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import express from 'express'
import Fastify from 'fastify'
import { Hono } from 'hono'
import Koa, { type Middleware } from 'koa'
import mount from 'koa-mount'
import { describe, expect, it } from 'vitest'
import { limit as limitFastify } from '../../src/adapters/fastify.js'
import { limit as limitHono } from '../../src/adapters/hono.js'
import { limit as limitKoa } from '../../src/adapters/koa.js'
import { LimitModule } from '../../src/adapters/nest.js'
import type { RunningApp } from './framework.js'
import { appOf, startServer } from './frameworks/listening.js'
import { recordRoutes, routesOf } from './route-names.js'

describe("by: 'route' with prefixes", () => {
  const fine: Middleware = (context) => {
    context.body = 'fine'
  }

  it('is the full template on Fastify, including nested plugins', async () => {
    for (const hook of ['preHandler', 'onRequest'] as const) {
      const { options, taken } = recordRoutes()
      const app = Fastify({ routerOptions: { caseSensitive: false } })
      const limiter = limitFastify(options)
      for (const prefix of ['/v1', '/:tenant'])
        app.register(
          async (plugin) => {
            plugin.addHook(hook, limiter)
            plugin.post('/predict', () => 'fine')
            plugin.register(async (inner) => inner.post('/predict', () => 'fine'), { prefix: '/lab' })
          },
          { prefix },
        )
      await app.listen({ host: '127.0.0.1', port: 0 })
      const running = appOf(app.server, () => app.close())
      const paths = ['/v1/predict', '/V1/predict', '/acme/predict', '/v1/lab/predict', '/b/lab/predict']
      expect(await routesOf(running, taken, paths)).toEqual([
        'POST /v1/predict',
        'POST /v1/predict',
        'POST /:tenant/predict',
        'POST /v1/lab/predict',
        'POST /:tenant/lab/predict',
      ])
    }
  })

  it('is the full template on Koa, with prefixes, nested routers and parameters', async () => {
    const { options, taken } = recordRoutes()
    const limiter = limitKoa(options)
    const app = new Koa()
    const lab = new Router().post('/predict', limiter, fine)
    for (const prefix of ['/v1', '/:tenant']) {
      const router = new Router({ prefix }).post('/predict', limiter, fine)
      app.use(router.use('/lab', lab.routes()).routes())
    }
    const paths = ['/v1/predict', '/V1/predict', '/acme/predict', '/v1/lab/predict', '/b/lab/predict']
    expect(await routesOf(await startServer(app.callback()), taken, paths)).toEqual([
      'POST /v1/predict',
      'POST /v1/predict',
      'POST /:tenant/predict',
      'POST /v1/lab/predict',
      'POST /:tenant/lab/predict',
    ])
  })

  it('includes the mount path of koa-mount on Koa, but only the innermost one', async () => {
    const { options, taken } = recordRoutes()
    const limiter = limitKoa(options)
    const inner = new Koa()
    inner.use(new Router().post('/predict', limiter, fine).post('/', limiter, fine).routes())
    const app = new Koa()
    for (const path of ['/v1', '/v2']) app.use(mount(path, inner))
    app.use(mount('/deep', mount('/v1', inner)))
    app.use(mount('/only', limiter))
    app.use(new Router().post('/{*rest}', limiter, fine).routes())
    const paths = ['/v1/predict?a=1', '/v2/predict', '/v1', '/v1/', '/deep/v1/predict', '/v1/else', '/else']
    expect(await routesOf(await startServer(app.callback()), taken, paths)).toEqual([
      'POST /v1/predict',
      'POST /v2/predict',
      'POST /v1/',
      'POST /v1/',
      'POST */v1/predict',
      'POST /{*rest}',
      'POST /{*rest}',
    ])
  })

  it('is the full template on Hono, with basePath() and route()', async () => {
    const { options, taken } = recordRoutes()
    const limiter = limitHono(options)
    const lab = new Hono().basePath('/lab').post('/predict', limiter, (context) => context.text('fine'))
    const app = new Hono().basePath('/api')
    for (const path of ['/v1', '/:tenant']) app.route(path, lab)
    app.use('/v3/*', limiter)
    app.post('/v3/:any', (context) => context.text('fine'))
    const paths = ['/api/v1/lab/predict', '/api/acme/lab/predict', '/api/b/lab/predict', '/api/v3/a']
    expect(await routesOf(await startServer(getRequestListener(app.fetch)), taken, paths)).toEqual([
      'POST /api/v1/lab/predict',
      'POST /api/:tenant/lab/predict',
      'POST /api/:tenant/lab/predict',
      'POST /api/v3/*',
    ])
  })
})

describe.each([
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
])("by: 'route' on NestJS with %s", (name, adapter) => {
  /** Creates an app with one controller per version, and one under `/admin`. */
  const appWith = async (options: DynamicModule, configure: (app: INestApplication) => void) => {
    const controllers = ['1', '2'].map((version) => controllerOf({ path: ':model', version }))
    class Inner {}
    const module: DynamicModule = {
      module: class App {},
      imports: [
        options,
        { module: Inner, controllers: [controllerOf({ path: 'inner' })] },
        RouterModule.register([{ path: 'admin/:area', module: Inner }]),
      ],
      controllers,
    }
    const app = await NestFactory.create(module, adapter(), { logger: false })
    configure(app)
    return app
  }
  const startApp = async (app: INestApplication): Promise<RunningApp> => {
    await app.listen(0, '127.0.0.1')
    return appOf(app.getHttpServer() as Server, () => app.close())
  }

  it('includes the global prefix, the version in the path and the path of a module', async () => {
    const { options, taken } = recordRoutes()
    const app = await appWith(LimitModule.forRoot(options), (nest) => {
      nest.setGlobalPrefix('api/:region', { exclude: [{ path: 'x', method: RequestMethod.ALL }] })
      nest.enableVersioning({ type: VersioningType.URI, defaultVersion: '9' })
    })
    const paths = ['/api/eu/v1/a/predict', '/api/us/v1/b/predict', '/api/eu/v2/a/predict']
    paths.push('/api/eu/v9/admin/x/inner/predict')
    expect(await routesOf(await startApp(app), taken, paths)).toEqual([
      'POST /api/:region/v1/:model/predict',
      'POST /api/:region/v1/:model/predict',
      'POST /api/:region/v2/:model/predict',
      'POST /api/:region/v9/admin/:area/inner/predict',
    ])
  })

  it('is one route for all versions that are selected by a header', async () => {
    const { options, taken } = recordRoutes()
    const app = await appWith(LimitModule.forRoot(options), (nest) => {
      nest.enableVersioning({ type: VersioningType.HEADER, header: 'x-version' })
    })
    const running = await startApp(app)
    for (const version of ['1', '2'])
      expect(await routesOf(running, taken, ['/a/predict'], { 'x-version': version })).toEqual([
        'POST /:model/predict',
      ])
  })

  it.runIf(name === 'Express')('includes the mount path in an outer Express app', async () => {
    const { options, taken } = recordRoutes()
    const outer = express()
    for (const path of ['/v1', '/:tenant']) {
      const inner = express()
      const module: DynamicModule = {
        module: class App {},
        imports: [LimitModule.forRoot(options)],
        controllers: [controllerOf({ path: 'models' })],
      }
      const app = await NestFactory.create(module, new ExpressAdapter(inner), { logger: false })
      await app.init()
      outer.use(path, inner)
    }
    const paths = ['/v1/models/predict', '/V1/models/predict', '/a/models/predict', '/b/models/predict']
    expect(await routesOf(await startServer(outer), taken, paths)).toEqual([
      'POST /v1/models/predict',
      'POST /v1/models/predict',
      'POST /:tenant/models/predict',
      'POST /:tenant/models/predict',
    ])
  })
})

/** Creates a controller for `POST predict`, and calls its decorators as functions. */
function controllerOf(options: { path: string; version?: string }) {
  class Predictions {
    predict() {
      return 'fine'
    }
  }
  const property = Object.getOwnPropertyDescriptor(Predictions.prototype, 'predict') as PropertyDescriptor
  Post('predict')(Predictions.prototype, 'predict', property)
  HttpCode(200)(Predictions.prototype, 'predict', property)
  Controller(options)(Predictions)
  return Predictions
}
