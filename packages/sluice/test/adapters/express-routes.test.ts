import express, { type RequestHandler } from 'express'
import express4 from 'express4'
import { describe, expect, it, onTestFinished } from 'vitest'
import { limit } from '../../src/adapters/express.js'
import { startServer } from './frameworks/listening.js'
import { statuses } from './requests.js'
import { recordRoutes, routesOf } from './route-names.js'

type Make = typeof express

const fine: RequestHandler = (_request, response) => {
  response.send('fine')
}

const MAKES: readonly (readonly [name: string, make: Make])[] = [
  ['Express 4', express4],
  ['Express 5', express],
]

describe.each(MAKES)("by: 'route' on %s", (name, make) => {
  /** Returns the counted routes of paths in an app that `mount` sets up. */
  const counted = async (
    paths: readonly string[],
    mount: (limiter: RequestHandler, app: ReturnType<Make>) => void,
  ) => {
    const { options, taken } = recordRoutes()
    const app = make()
    app.set('env', 'test')
    mount(limit(options), app)
    return routesOf(await startServer(app), taken, paths)
  }
  /** Creates a router with one limited route. */
  const routerOf = (limiter: RequestHandler, options: object = {}) => {
    const router = make.Router(options)
    router.post('/predict', limiter, fine)
    return router
  }

  it('distinguishes routers by their mount paths', async () => {
    const paths = ['/v1/predict', '/v2/predict', '/predict', '/v2/predict/?a=/v1']
    const routes = await counted(paths, (limiter, app) => {
      app.use('/v1', routerOf(limiter))
      app.use('/v2', routerOf(limiter))
      app.use(routerOf(limiter))
    })
    expect(routes).toEqual(['POST /v1/predict', 'POST /v2/predict', 'POST /predict', 'POST /v2/predict'])
  })

  it('distinguishes the mounts of one router', async () => {
    const routes = await counted(['/v1/predict', '/v2/predict'], (limiter, app) => {
      const router = routerOf(limiter)
      app.use('/v1', router)
      app.use('/v2', router)
    })
    expect(routes).toEqual(['POST /v1/predict', 'POST /v2/predict'])
  })

  it('limits each mount separately', async () => {
    const app = make()
    const limiter = limit({ rules: [{ limit: '1/hour', by: ['route', 'everyone'] }] })
    app.use('/v1', routerOf(limiter))
    app.use('/v2', routerOf(limiter))
    const { port, close } = await startServer(app)
    onTestFinished(close)
    expect(await statuses(port, '/v1/predict', 2)).toEqual([200, 429])
    expect(await statuses(port, '/v2/predict', 2)).toEqual([200, 429])
  })

  it('uses the mount path as the application spells it, not as the client spells it', async () => {
    const paths = ['/acme/v1/predict', '/other/V1/predict', '/v1/v1/predict', '/a%20b/v1/predict/']
    const routes = await counted(paths, (limiter, app) => {
      const inner = make.Router()
      inner.use('/v1', routerOf(limiter))
      app.use('/:tenant', (_request, _response, next) => next())
      app.use('/:tenant', inner)
    })
    expect(routes).toEqual(paths.map(() => 'POST /:tenant/v1/predict'))
  })

  it('distinguishes upper and lower case if the router does', async () => {
    const routes = await counted(['/v1/predict', '/V1/predict'], (limiter, app) => {
      app.set('case sensitive routing', true)
      app.use('/v1', routerOf(limiter))
      app.use('/V1', routerOf(limiter))
    })
    expect(routes).toEqual(['POST /v1/predict', 'POST /V1/predict'])
  })

  it('names a mount at several paths or at a regular expression by its definition', async () => {
    const paths = ['/a/predict', '/b/predict', '/v3/predict', '/V44/predict', '/x.y-z/predict']
    const routes = await counted(paths, (limiter, app) => {
      app.use(['/a', '/b'], routerOf(limiter))
      app.use(/^\/v\d+/i, routerOf(limiter))
      app.use('/x.y-z/', routerOf(limiter))
    })
    const pattern = 'POST /^\\/v\\d+/i/predict'
    expect(routes).toEqual([
      'POST /a,/b/predict',
      'POST /a,/b/predict',
      pattern,
      pattern,
      'POST /x.y-z/predict',
    ])
  })

  it('names optional parts and wildcards by their definition', async () => {
    const isExpress4 = name === 'Express 4'
    const routes = await counted(['/files/x/y', '/files/z', '/en/predict'], (limiter, app) => {
      const files = make.Router().use(limiter, fine)
      app.use(isExpress4 ? '/files/*' : '/files/*rest', files)
      app.use(isExpress4 ? '/:language?' : '{/:language}', routerOf(limiter))
    })
    const [first, second, optional] = routes
    expect(first).toBe(isExpress4 ? 'POST /files/*/*' : 'POST /files/*rest/*')
    expect(second).toBe(first)
    expect(optional).toMatch(/^POST .*:?language.*\/predict$|^POST \/\^.*\/predict$/)
  })

  it('finds mounted applications, including those inside routers', async () => {
    const paths = ['/api/v1/predict', '/API/v1/predict', '/tools/lab/predict']
    const routes = await counted(paths, (limiter, app) => {
      const api = make()
      api.use('/v1', routerOf(limiter))
      app.use('/api', api)
      const lab = make()
      lab.post('/predict', limiter, fine)
      const tools = make.Router()
      tools.use('/lab', lab)
      app.use('/tools', tools)
    })
    expect(routes).toEqual(['POST /api/v1/predict', 'POST /api/v1/predict', 'POST /tools/lab/predict'])
  })

  it('uses the mount path if no route has been matched yet', async () => {
    const routes = await counted(['/v1/a', '/v1/b', '/v2/a', '/w/x', '/other'], (limiter, app) => {
      app.use('/v1', limiter, fine)
      app.use('/v2', make.Router().use(limiter, fine))
      app.use('/:any/x', limiter, fine)
      app.use(limiter, fine)
    })
    expect(routes).toEqual(['POST /v1/*', 'POST /v1/*', 'POST /v2/*', 'POST /:any/x/*', 'POST *'])
  })

  it('finds the mount after an asynchronous lookup of the client', async () => {
    const { options, taken } = recordRoutes()
    const app = make()
    app.use('/v1', routerOf(limit({ ...options, client: async () => undefined })))
    expect(await routesOf(await startServer(app), taken, ['/v1/predict'])).toEqual(['POST /v1/predict'])
  })

  it('distinguishes only a few routes of a router that is mounted in itself, at any depth', async () => {
    const depths = Array.from({ length: 60 }, (_, depth) => `${'/x'.repeat(depth)}/predict`)
    const routes = await counted(depths, (limiter, app) => {
      const router = routerOf(limiter)
      router.use('/:folder', router)
      app.use(router)
    })
    expect([routes[2], routes.at(-1)]).toEqual(['POST /:folder/:folder/predict', 'POST */predict'])
    expect(new Set(routes).size).toBeLessThan(20)
  })

  it('counts an opaque mount as one route, however the client spells the path', async () => {
    const paths = ['/a/predict', '/b/predict']
    const routes = await counted(paths, (limiter, app) => {
      const router = routerOf(limiter)
      app.use('/:tenant', (request, response, next) => router(request, response, next))
    })
    expect(routes).toEqual(paths.map(() => 'POST /:tenant/predict'))
    const { options, taken } = recordRoutes()
    const outer = make.Router()
    outer.use('/:tenant', routerOf(limit(options)))
    const app = await startServer((request, response) =>
      outer(request as never, Object.assign(response, { send: () => response.end() }) as never, () => {}),
    )
    expect(await routesOf(app, taken, paths)).toEqual(paths.map(() => 'POST */predict'))
  })
})

describe("by: 'route' on a version of Express 5 whose layers have no paths", () => {
  it('distinguishes mounts by their positions', async () => {
    const { options, taken } = recordRoutes()
    const app = express()
    for (const path of ['/v1', '/:tenant'])
      app.use(path, express.Router().post('/predict', limit(options), fine))
    for (const layer of app.router.stack) Reflect.deleteProperty(layer, 'rawPath')
    const paths = ['/v1/predict', '/V1/predict', '/a/predict', '/b/predict']
    const routes = await routesOf(await startServer(app), taken, paths)
    expect(routes).toEqual([
      'POST /[0]/predict',
      'POST /[0]/predict',
      'POST /[1]/predict',
      'POST /[1]/predict',
    ])
  })
})
