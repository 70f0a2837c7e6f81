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

async function redisSide(redis: Redis, listing: string): Promise<Side> {
  const { createModule } = await importListing<{ createModule: (redis: Redis) => Type }>(PAGE, listing)
  return sideOf(createModule(redis))
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

/** Returns the replies without the header that differs in memory. */
function withoutReset(...replies: [before: Reply, after: Reply]): [before: Reply, after: Reply] {
  const [before, after] = replies.map(({ headers: { 'x-ratelimit-reset': _, ...headers }, ...rest }) => ({
    ...rest,
    headers,
  }))
  return [before as Reply, after as Reply]
}

/**
 * Sends the same requests to two listings in memory, and expects the same replies at every edge of a
 * window, except for the header that differs. Returns the paths with their statuses.
 */
async function expectSameAdmissions(before: string, after: string, paths: string[]): Promise<string[]> {
  fakeClocks()
  const statuses = new Set<string>()
  await sideBySide(
    { requests: 1000, clients: CLIENTS, paths, windowMs: 60_000, steps: 'any', passes: 0.08 },
    await appOf(before),
    await appOf(after),
    passInMemory,
    (one, other, { path }) => {
      statuses.add(`${path} ${other.status}`)
      compareReplies(...withoutReset(one, other))
      if (other.status !== 200 || other.headers['x-ratelimit-reset'] === undefined) return
      // All units are free one period after the last request, which is this one.
      expect(other.headers['x-ratelimit-reset']).toBe('60')
    },
  )
  return [...statuses].sort()
}

it('replies like @nestjs/throttler in memory, block included', async () => {
  const admissions = await expectSameAdmissions('before.ts', 'after.ts', ['/hello', '/goodbye', '/missing'])
  expect(admissions).toEqual(['/goodbye 200', '/goodbye 429', '/hello 200', '/hello 429', '/missing 404'])
})

it('replies like @nestjs/throttler in memory without a block', async () => {
  const admissions = await expectSameAdmissions('before-log.ts', 'after-log.ts', ['/hello'])
  expect(admissions).toEqual(['/hello 200', '/hello 429'])
})

it('replies like @nestjs/throttler to handlers with their own limits', async () => {
  const paths = ['/predict', '/model-info']
  const admissions = await expectSameAdmissions('before-handlers.ts', 'after-handlers.ts', paths)
  expect(admissions).toEqual(['/model-info 200', '/predict 200', '/predict 429'])
})

it('replies with the same headers as @nestjs/throttler if all requests of a window come at once', async () => {
  fakeClocks()
  const statuses = new Set<number>()
  await sideBySide(
    { requests: 300, clients: CLIENTS, paths: ['/hello'], windowMs: 60_000, steps: 'windows', passes: 0.03 },
    await appOf('before.ts'),
    await appOf('after.ts'),
    passInMemory,
    (before, after) => {
      compareReplies(before, after)
      statuses.add(after.status)
    },
  )
  expect([...statuses].sort()).toEqual([200, 429])
})

it('replies like @nestjs/throttler on Redis', async () => {
  fakeClocks()
  const { server, pass } = await redisForTest()
  const redis = new Redis(server.port)
  onTestFinished(() => redis.disconnect())
  const statuses = new Set<number>()
  const tolerance = redisTolerance()
  await sideBySide(
    { requests: 300, clients: CLIENTS, paths: ['/hello'], windowMs: 60_000, steps: 'windows', passes: 0.03 },
    await redisSide(redis, 'before-redis.ts'),
    await redisSide(redis, 'after-redis.ts'),
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

it('admits a client after its block on Redis, whereas @nestjs/throttler has counted its retries', async () => {
  fakeClocks()
  const { server } = await redisForTest()
  const redis = new Redis(server.port)
  onTestFinished(() => redis.disconnect())
  const [before, after] = [
    await redisSide(redis, 'before-redis.ts'),
    await redisSide(redis, 'after-redis.ts'),
  ]
  const request = { client: '127.0.0.1', path: '/hello' }
  const both = async () => [(await before(request)).status, (await after(request)).status]
  const expire = async (names: RegExp) => {
    const keys = (await redis.keys('*')).filter((key) => names.test(key))
    expect(keys.length).toBeGreaterThan(0)
    await redis.del(keys)
  }
  for (let count = 0; count < 10; count++) expect(await both()).toEqual([200, 200])
  expect(await both()).toEqual([429, 429])
  await expire(/:hits$/) // the end of the throttler's window, before the end of its block
  for (let retry = 0; retry < 10; retry++) expect(await both()).toEqual([429, 429])
  await expire(/:blocked$|^sluice:/)
  expect(await both()).toEqual([429, 200])
})

it('skips a rule by name like @nestjs/throttler, and charges refused requests to no rule', async () => {
  fakeClocks()
  const [before, after] = [await appOf('before-several.ts'), await appOf('after-several.ts')]
  const admittedOf = async (requests: number, path: string) => {
    const admitted: [before: number, after: number] = [0, 0]
    for (let count = 0; count < requests; count++) {
      if ((await before({ client: '127.0.0.1', path })).status === 200) admitted[0] += 1
      if ((await after({ client: '127.0.0.1', path })).status === 200) admitted[1] += 1
    }
    return admitted
  }
  expect(await admittedOf(11, '/status')).toEqual([10, 10])
  for (const admitted of [3, 3, 3, 1]) {
    expect(await admittedOf(4, '/predict')).toEqual([admitted, admitted])
    passInMemory(1000)
  }
  passInMemory(58_999)
  expect(await admittedOf(3, '/predict')).toEqual([0, 0])
  passInMemory(1)
  expect(await admittedOf(1, '/predict')).toEqual([0, 1])
})
