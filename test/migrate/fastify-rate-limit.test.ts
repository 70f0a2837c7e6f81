import rateLimit from '@fastify/rate-limit'
import fastify, { type FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import { expect, it, onTestFinished } from 'vitest'
import { importListing } from './pages.js'
import {
  expectSameReply,
  fakeClocks,
  limitHeaders,
  passInMemory,
  redisForTest,
  redisTolerance,
  type Side,
  serve,
  sideBySide,
  type TestRequest,
} from './side-by-side.js'

// Runs the listings of docs/migrate/fastify-rate-limit.md next to each other.

const PAGE = 'fastify-rate-limit'
const CLIENTS = ['127.0.0.1', '127.0.0.2', '127.0.0.3']

async function sideOf(app: FastifyInstance): Promise<Side> {
  onTestFinished(() => app.close())
  await app.ready()
  return serve((request, response) => app.routing(request, response))
}

async function appOf(listing: string): Promise<Side> {
  const { app } = await importListing<{ app: FastifyInstance }>(PAGE, listing)
  return sideOf(app)
}

it('admits the same requests as @fastify/rate-limit in memory, with the same headers', async () => {
  fakeClocks()
  const statuses = new Set<number>()
  await sideBySide(
    { requests: 700, clients: CLIENTS, windowMs: 60_000, steps: 'any', passes: 0.006 },
    await appOf('before.ts'),
    await appOf('after.ts'),
    passInMemory,
    (before, after) => {
      expectSameReply(before, after)
      expect(Object.keys(limitHeaders(after))).toContain('x-ratelimit-reset')
      statuses.add(after.status)
    },
  )
  expect([...statuses].sort()).toEqual([200, 429])
})

it('admits the same requests as @fastify/rate-limit to routes with their own limits', async () => {
  fakeClocks()
  const refused = new Set<string>()
  await sideBySide(
    {
      requests: 400,
      clients: CLIENTS,
      paths: ['/predict', '/batch', '/model-info'],
      windowMs: 60_000,
      steps: 'any',
      passes: 0.03,
    },
    await appOf('before-routes.ts'),
    await appOf('after-routes.ts'),
    passInMemory,
    (before, after, { path }) => {
      expectSameReply(before, after)
      if (after.status === 429) refused.add(path)
    },
  )
  expect([...refused].sort()).toEqual(['/batch', '/predict'])
})

it('admits the same requests as @fastify/rate-limit on Redis, with the same headers', async () => {
  fakeClocks()
  const { server, pass } = await redisForTest()
  const redis = new Redis(server.port)
  onTestFinished(() => redis.disconnect())
  const redisSide = async (listing: string) => {
    const { createApp } = await importListing<{ createApp: (redis: Redis) => Promise<FastifyInstance> }>(
      PAGE,
      listing,
    )
    return sideOf(await createApp(redis))
  }
  const statuses = new Set<number>()
  const tolerance = redisTolerance()
  await sideBySide(
    { requests: 300, clients: CLIENTS, windowMs: 60_000, steps: 'windows', passes: 0.03 },
    await redisSide('before-redis.ts'),
    await redisSide('after-redis.ts'),
    pass,
    (before, after) => {
      expectSameReply(before, after, tolerance())
      statuses.add(after.status)
    },
  )
  expect([...statuses].sort()).toEqual([200, 429])
})

it('counts the same IPv6 networks as @fastify/rate-limit', async () => {
  fakeClocks()
  const injectInto = async (listing: string) => {
    const { app } = await importListing<{ app: FastifyInstance }>(PAGE, listing)
    onTestFinished(() => app.close())
    return async ({ client, path }: TestRequest) =>
      (await app.inject({ url: path, remoteAddress: client })).headers
  }
  const remaining = new Set<unknown>()
  const addresses = ['2001:db8:0:1::1', '2001:db8:0:1:ffff::1', '2001:db8:0:2::1', '::ffff:198.51.100.7']
  await sideBySide(
    { requests: 200, clients: addresses, windowMs: 60_000, steps: 'any', passes: 0 },
    await injectInto('before.ts'),
    await injectInto('after.ts'),
    passInMemory,
    (before, after) => {
      expect(after['x-ratelimit-remaining']).toBe(before['x-ratelimit-remaining'])
      remaining.add(after['x-ratelimit-remaining'])
    },
  )
  expect(remaining).toContain('0')
})

it('counts no requests to unknown routes, like @fastify/rate-limit', async () => {
  fakeClocks()
  const [before, after] = [await appOf('before.ts'), await appOf('after.ts')]
  const missing = { client: '127.0.0.1', path: '/missing' }
  for (let count = 0; count < 3; count++) {
    const replies = [await before(missing), await after(missing)]
    expect(replies.map(({ status }) => status)).toEqual([404, 404])
    expect(replies.map(limitHeaders)).toEqual([{}, {}])
  }
  const counted = await after({ ...missing, path: '/' })
  expect(counted.headers['x-ratelimit-remaining']).toBe('99')
  expectSameReply(await before({ ...missing, path: '/' }), counted)
})

it('counts HEAD together with GET, which @fastify/rate-limit counts separately', async () => {
  fakeClocks()
  const [before, after] = [await appOf('before-routes.ts'), await appOf('after-routes.ts')]
  const request = { client: '127.0.0.1', path: '/predict' }
  for (let count = 0; count < 3; count++) expectSameReply(await before(request), await after(request))
  expect((await before({ ...request, method: 'HEAD' })).status).toBe(200)
  expect((await after({ ...request, method: 'HEAD' })).status).toBe(429)
})

it('never forgets a live count, whereas @fastify/rate-limit forgets the clients beyond its cache', async () => {
  fakeClocks()
  const small = fastify()
  await small.register(rateLimit, { max: 100, timeWindow: '1 minute', cache: 2 })
  small.get('/', async () => ({ hello: 'world' }))
  const [before, after] = [await sideOf(small), await appOf('after.ts')]
  const remaining = async (client: string) => {
    const replies = [await before({ client, path: '/' }), await after({ client, path: '/' })]
    return replies.map(({ headers }) => headers['x-ratelimit-remaining'])
  }
  for (const client of CLIENTS) expect(await remaining(client)).toEqual(['99', '99'])
  expect(await remaining('127.0.0.1')).toEqual(['99', '98'])
})
