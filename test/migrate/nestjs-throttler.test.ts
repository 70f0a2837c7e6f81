import type { RequestListener } from 'node:http'
import type { INestApplication, Type } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { Redis } from 'ioredis'
import { expect, it, onTestFinished } from 'vitest'
import { importListing } from './pages.js'
import {
  type CompareReplies,
  expectSameReply,
  fakeClocks,
  limitHeaders,
  passInMemory,
  type Reply,
  redisForTest,
  redisTolerance,
  type Side,
  serve,
  sideBySide,
  type TestRequest,
} from './side-by-side.js'

// Runs the listings of docs/migrate/nestjs-throttler.md next to each other.

const PAGE = 'nestjs-throttler'
const CLIENTS = ['127.0.0.1', '127.0.0.2', '127.0.0.3']

async function sideOf(module: Type): Promise<Side> {
  const app: INestApplication = await NestFactory.create(module, { logger: false })
  onTestFinished(() => app.close())
  await app.init()
  const listener = app.getHttpAdapter().getInstance() as RequestListener
  return serve((request, response) => {
    // Stands for a connection from an address that this machine does not have.
    const address = request.headers['x-test-address']
    if (address)
      Object.defineProperty(request.socket, 'remoteAddress', { value: address, configurable: true })
    listener(request, response)
  })
}

async function appOf(listing: string): Promise<Side> {
  const { AppModule } = await importListing<{ AppModule: Type }>(PAGE, listing)
  return sideOf(AppModule)
}

/** Compares two replies. A refusal of the throttler has no header besides `Retry-After`. */
const compareReplies: CompareReplies = (before, after, toleranceSeconds) => {
  if (before.status !== 429) return expectSameReply(before, after, toleranceSeconds)
  const { 'retry-after': retryAfter, ...others } = limitHeaders(after)
  expect(Object.keys(limitHeaders(before))).toEqual(['retry-after'])
  expect(Object.keys(others)).toEqual(expect.arrayContaining(['x-ratelimit-limit', 'x-ratelimit-remaining']))
  expect(others['x-ratelimit-remaining']).toBe('0')
  const headers = { 'retry-after': retryAfter }
  expectSameReply(before, { ...after, headers }, toleranceSeconds)
}

/** Returns the replies without the header that differs without a block. */
function withoutReset(...replies: [before: Reply, after: Reply]): [before: Reply, after: Reply] {
  const [before, after] = replies.map(({ headers: { 'x-ratelimit-reset': _, ...headers }, ...rest }) => ({
    ...rest,
    headers,
  }))
  return [before as Reply, after as Reply]
}

it('replies like @nestjs/throttler in memory until a client is blocked', async () => {
  fakeClocks()
  const statuses = new Set<number>()
  await sideBySide(
    {
      requests: 500,
      clients: CLIENTS,
      paths: ['/hello', '/goodbye', '/missing'],
      windowMs: 60_000,
      // A client that is refused at the moment at which its window starts is blocked for a window.
      steps: 'windows',
      passes: 0.02,
    },
    await appOf('before.ts'),
    await appOf('after.ts'),
    passInMemory,
    (before, after) => {
      compareReplies(before, after)
      statuses.add(after.status)
    },
  )
  expect([...statuses].sort()).toEqual([200, 404, 429])
})

it('replies like @nestjs/throttler to handlers with their own limits', async () => {
  fakeClocks()
  const refused = new Set<string>()
  await sideBySide(
    {
      requests: 300,
      clients: CLIENTS,
      paths: ['/predict', '/model-info'],
      windowMs: 60_000,
      steps: 'windows',
      passes: 0.05,
    },
    await appOf('before-handlers.ts'),
    await appOf('after-handlers.ts'),
    passInMemory,
    (before, after, { path }) => {
      compareReplies(before, after)
      if (after.status === 429) refused.add(path)
    },
  )
  expect([...refused]).toEqual(['/predict'])
})

it('replies like @nestjs/throttler on Redis until a client is blocked', async () => {
  fakeClocks()
  const { server, pass } = await redisForTest()
  const redis = new Redis(server.port)
  onTestFinished(() => redis.disconnect())
  const redisSide = async (listing: string) => {
    const { createModule } = await importListing<{ createModule: (redis: Redis) => Type }>(PAGE, listing)
    return sideOf(createModule(redis))
  }
  const statuses = new Set<number>()
  const tolerance = redisTolerance()
  await sideBySide(
    { requests: 300, clients: CLIENTS, paths: ['/hello'], windowMs: 60_000, steps: 'windows', passes: 0.03 },
    await redisSide('before-redis.ts'),
    await redisSide('after-redis.ts'),
    pass,
    (before, after) => {
      compareReplies(before, after, tolerance())
      statuses.add(after.status)
    },
  )
  expect([...statuses].sort()).toEqual([200, 429])
})

it('counts the same IPv6 networks as @nestjs/throttler', async () => {
  fakeClocks()
  const [before, after] = [await appOf('before.ts'), await appOf('after.ts')]
  const addresses = ['2001:db8:0:1::1', '2001:db8:0:1:ffff::1', '2001:db8:0:2::1', '::ffff:198.51.100.7']
  const from = (side: Side) => (request: TestRequest) =>
    side({ client: '127.0.0.1', path: '/hello', headers: { 'x-test-address': request.client } })
  const limits = new Map<string, string>()
  await sideBySide(
    { requests: 40, clients: addresses, windowMs: 60_000, steps: 'any', passes: 0 },
    from(before),
    from(after),
    passInMemory,
    (one, other, { client }) => {
      compareReplies(one, other)
      limits.set(client, String(other.headers['x-ratelimit-remaining']))
    },
  )
  // Most requests come from the first network, so the other networks have more left.
  expect(limits.get('2001:db8:0:1::1')).toBe('0')
  expect(limits.get('2001:db8:0:2::1')).not.toBe('0')
})

it('admits a client when its window ends, which @nestjs/throttler blocks for a ttl', async () => {
  fakeClocks()
  const [before, after] = [await appOf('before.ts'), await appOf('after.ts')]
  const request = { client: '127.0.0.1', path: '/hello' }
  const both = async () => {
    const replies = [await before(request), await after(request)]
    return replies.map(({ status, headers }) => [status, headers['retry-after']])
  }
  for (let count = 0; count < 10; count++)
    expect((await both()).map(([status]) => status)).toEqual([200, 200])
  passInMemory(50_000)
  expect(await both()).toEqual([
    [429, '60'],
    [429, '10'],
  ])
  passInMemory(10_000)
  expect(await both()).toEqual([
    [429, '50'],
    [200, undefined],
  ])
  passInMemory(49_999)
  expect((await both()).map(([status]) => status)).toEqual([429, 200])
  passInMemory(1)
  expect((await both()).map(([status]) => status)).toEqual([200, 200])
})

it('admits the same requests as @nestjs/throttler without a block, at every edge of a window', async () => {
  fakeClocks()
  const admissions = new Map<string, number>()
  const windowEnds = new Map<string, number>()
  const statuses = new Set<number>()
  await sideBySide(
    { requests: 800, clients: CLIENTS, paths: ['/hello'], windowMs: 60_000, steps: 'any', passes: 0.08 },
    await appOf('before-log.ts'),
    await appOf('after-log.ts'),
    passInMemory,
    (before, after, { client }) => {
      statuses.add(after.status)
      const now = Date.now()
      const secondsUntil = (time: number | undefined) => String(Math.ceil((Number(time) - now) / 1000))
      // The throttler reports the end of a fixed window, and Sluice the end of the last request.
      if (now >= (windowEnds.get(client) ?? 0)) windowEnds.set(client, now + 60_000)
      if (after.status === 200) admissions.set(client, now)
      expect(after.headers['x-ratelimit-reset']).toBe(secondsUntil(Number(admissions.get(client)) + 60_000))
      if (before.status === 200)
        expect(before.headers['x-ratelimit-reset']).toBe(secondsUntil(windowEnds.get(client)))
      compareReplies(...withoutReset(before, after))
    },
  )
  expect([...statuses].sort()).toEqual([200, 429])
})
