import Fastify, { type FastifyInstance } from 'fastify'
import { describe, expect, it, onTestFinished } from 'vitest'
import { decisionOf, RefusalError, type SluiceOptions, sluice } from '../../src/adapters/fastify.js'
import { memoryStore } from '../../src/stores/memory/memory-store.js'

async function appWith(options: SluiceOptions, declare: (app: FastifyInstance) => void | Promise<void>) {
  const app = Fastify()
  onTestFinished(() => app.close())
  await app.register(sluice, options)
  await declare(app)
  return app
}

const everyone = (limit: string) => [{ limit, by: 'everyone' as const }]

/** Returns the statuses of a number of requests. */
async function statuses(
  app: FastifyInstance,
  count: number,
  url: string,
  method: 'GET' | 'HEAD' | 'POST' = 'GET',
) {
  const seen: number[] = []
  for (let each = 0; each < count; each++) seen.push((await app.inject({ method, url })).statusCode)
  return seen
}

describe('the Fastify plugin', () => {
  it('limits all routes together, except those that set their own limit or none', async () => {
    const app = await appWith({ limit: '2/minute' }, (app) => {
      app.get('/a', async () => 'a')
      app.get('/b', async () => 'b')
      app.get('/own', { config: { rateLimit: '1/minute' } }, async () => 'own')
      app.get('/options', { config: { rateLimit: { rules: everyone('1/minute') } } }, async () => 'own')
      app.get('/free', { config: { rateLimit: false } }, async () => 'free')
    })
    expect(await statuses(app, 2, '/own')).toEqual([200, 429])
    expect(await statuses(app, 2, '/options')).toEqual([200, 429])
    expect(await statuses(app, 4, '/free')).toEqual([200, 200, 200, 200])
    expect(await statuses(app, 1, '/a')).toEqual([200])
    expect(await statuses(app, 2, '/b')).toEqual([200, 429])
    expect(await statuses(app, 1, '/a')).toEqual([429])
    expect(await statuses(app, 3, '/unknown')).toEqual([404, 404, 404])
  })

  it('limits routes that were declared before the plugin was loaded', async () => {
    const app = Fastify()
    onTestFinished(() => app.close())
    app.register(sluice, { limit: '1/minute' })
    app.get('/early', async () => 'early')
    app.get('/own', { config: { rateLimit: '1/minute' } }, async () => 'own')
    await app.ready()
    expect(await statuses(app, 2, '/early')).toEqual([200, 429])
    expect(await statuses(app, 2, '/own')).toEqual([200, 429])
  })

  it('limits only the scope that registers it', async () => {
    const app = Fastify()
    onTestFinished(() => app.close())
    await app.register(
      async (scope) => {
        await scope.register(sluice, { limit: '1/minute' })
        scope.get('/limited', async () => '')
      },
      { prefix: '/v1' },
    )
    app.get('/free', async () => '')
    expect(await statuses(app, 2, '/v1/limited')).toEqual([200, 429])
    expect(await statuses(app, 3, '/free')).toEqual([200, 200, 200])
  })

  it('counts HEAD with GET, and routes with equal limits separately', async () => {
    const app = await appWith({}, (app) => {
      for (const path of ['/a', '/b']) app.get(path, { config: { rateLimit: '2/minute' } }, async () => path)
      app.post('/a', { config: { rateLimit: '2/minute' } }, async () => 'post')
      app.get('/free', async () => 'free')
    })
    expect(await statuses(app, 1, '/a', 'HEAD')).toEqual([200])
    expect(await statuses(app, 2, '/a')).toEqual([200, 429])
    expect(await statuses(app, 1, '/a', 'HEAD')).toEqual([429])
    expect(await statuses(app, 3, '/b')).toEqual([200, 200, 429])
    expect(await statuses(app, 3, '/a', 'POST')).toEqual([200, 200, 429])
    expect(await statuses(app, 3, '/free')).toEqual([200, 200, 200])
  })

  it('passes its options on to the limits of routes, which share its store by method and URL', async () => {
    const store = memoryStore()
    const options = {
      store,
      name: 'api',
      throw: true,
      client: () => 'acme',
      rules: [{ name: 'all', limit: '9/minute' }],
      overrides: { all: { limit: '8/minute' } },
    }
    const declare = (app: FastifyInstance) => {
      app.setErrorHandler((error, _request, reply) =>
        reply.code(418).send(error instanceof RefusalError ? error.status : String(error)),
      )
      app.get('/own', { config: { rateLimit: '1/minute' } }, async () => 'own')
      app.get('/all', async (request) => decisionOf(request)?.limit.limit)
      app.get('/wide', { config: { rateLimit: { throw: false } } }, async () => 'wide')
    }
    const first = await appWith(options, declare)
    const second = await appWith(options, declare)
    expect((await first.inject('/own')).statusCode).toBe(200)
    const refused = await second.inject('/own')
    expect([refused.statusCode, refused.body]).toEqual([418, '429'])
    expect((await first.inject('/all')).body).toBe('8')
    expect((await statuses(first, 9, '/wide')).slice(-2)).toEqual([200, 429])
  })

  it('limits in onRequest if requested, before the body is read', async () => {
    const app = await appWith({ limit: '1/minute', hook: 'onRequest' }, (app) => {
      app.post('/predict', async () => 'fine')
    })
    const invalid = {
      method: 'POST',
      url: '/predict',
      payload: '{',
      headers: { 'content-type': 'application/json' },
    } as const
    expect((await app.inject(invalid)).statusCode).toBe(400)
    expect((await app.inject(invalid)).statusCode).toBe(429)
  })

  it.each<[string, SluiceOptions, string]>([
    ['an invalid limit', { limit: '10 per fortnight' }, "unknown unit 'fortnight'"],
    ['both limit and rules', { limit: '1/s', rules: everyone('1/s') }, "'limit' and 'rules' are both limits"],
    ['an unknown option', { limit: '1/s', max: 5 } as never, "a limiter has no option 'max'"],
    [
      'an unknown hook',
      { limit: '1/s', hook: 'onSend' as never },
      "'hook' must be 'onRequest' or 'preHandler'",
    ],
  ])('rejects %s when it is registered', async (_what, options, message) => {
    const app = Fastify()
    await expect(app.register(sluice, options).ready()).rejects.toThrow(message)
  })

  it('rejects an invalid limit of a route where the route is declared, with its path', async () => {
    const app = await appWith({}, () => {})
    const declare = (rateLimit: never) => () => app.get('/a', { config: { rateLimit } }, async () => '')
    expect(declare('1/never' as never)).toThrow("unknown unit 'never'")
    expect(declare({ throw: true } as never)).toThrow("'rateLimit' of a route needs 'limit'")
    expect(declare({ limit: '1/s', allow: ['x'] } as never)).toThrow(
      expect.objectContaining({ path: ['config', 'rateLimit', 'allow', 0] }),
    )
  })
})
