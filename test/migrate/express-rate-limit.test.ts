import type { Express } from 'express'
import { Redis } from 'ioredis'
import { parseList } from 'structured-headers'
import { expect, it, onTestFinished } from 'vitest'
import { importListing } from './pages.js'
import {
  expectSameReply,
  fakeClocks,
  limitHeaders,
  passInMemory,
  type Reply,
  redisForTest,
  redisTolerance,
  serve,
  sideBySide,
} from './side-by-side.js'

// Runs the listings of docs/migrate/express-rate-limit.md next to each other.

const PAGE = 'express-rate-limit'
const CLIENTS = ['127.0.0.1', '127.0.0.2', '127.0.0.3']

async function appOf(listing: string) {
  const { app } = await importListing<{ app: Express }>(PAGE, listing)
  return serve(app)
}

/** Returns the items of the structured fields of draft-8, without the partition key. */
function draft8(reply: Reply) {
  const { ratelimit, 'ratelimit-policy': policy, ...others } = limitHeaders(reply)
  const items = [ratelimit, policy].map((header) =>
    parseList(String(header)).map(([name, parameters]) => {
      const { pk, ...rest } = Object.fromEntries(parameters)
      return { name, ...rest }
    }),
  )
  return { status: reply.status, items, others }
}

it('admits the same requests as express-rate-limit in memory, with the same headers', async () => {
  fakeClocks()
  const statuses = new Set<number>()
  await sideBySide(
    {
      requests: 700,
      clients: CLIENTS,
      paths: ['/', '/', '/missing'],
      windowMs: 900_000,
      steps: 'any',
      passes: 0.006,
    },
    await appOf('before.ts'),
    await appOf('after.ts'),
    passInMemory,
    (before, after) => {
      expect(draft8(after)).toEqual(draft8(before))
      expect(before.headers['ratelimit-policy']).toContain('pk=')
      expect(after.headers['ratelimit-policy']).not.toContain('pk=')
      statuses.add(after.status)
    },
  )
  expect([...statuses].sort()).toEqual([200, 404, 429])
})

it('admits the same requests as express-rate-limit on Redis, with the same headers', async () => {
  fakeClocks()
  const { server, pass } = await redisForTest()
  const redis = new Redis(server.port)
  onTestFinished(() => redis.disconnect())
  const sideOf = async (listing: string) => {
    const { createApp } = await importListing<{ createApp: (redis: Redis) => Express }>(PAGE, listing)
    return serve(createApp(redis))
  }
  const statuses = new Set<number>()
  const tolerance = redisTolerance()
  await sideBySide(
    { requests: 300, clients: CLIENTS, windowMs: 60_000, steps: 'windows', passes: 0.03 },
    await sideOf('before-redis.ts'),
    await sideOf('after-redis.ts'),
    pass,
    (before, after) => {
      expectSameReply(before, after, tolerance())
      expect(after.headers['x-ratelimit-remaining']).toBeDefined()
      statuses.add(after.status)
    },
  )
  expect([...statuses].sort()).toEqual([200, 429])
})

it('counts the same addresses as express-rate-limit behind a proxy, IPv6 networks included', async () => {
  fakeClocks()
  const forwarded = [
    '2001:db8:0:1::1',
    '2001:db8:0:2::1', // in the same /56 as the first
    '2001:db8:0:2::2, 10.0.0.9',
    '2001:db8:1:1::1',
    '198.51.100.7',
    '::ffff:198.51.100.7',
    '198.51.100.7, 203.0.113.1',
  ]
  const counted = new Map<string, string>()
  const before = await appOf('before-proxy.ts')
  const after = await appOf('after-proxy.ts')
  await sideBySide(
    { requests: 400, clients: forwarded, windowMs: 60_000, steps: 'any', passes: 0.02 },
    ({ client, path }) => before({ client: '127.0.0.1', path, headers: { 'x-forwarded-for': client } }),
    ({ client, path }) => after({ client: '127.0.0.1', path, headers: { 'x-forwarded-for': client } }),
    passInMemory,
    (one, other, { client }) => {
      expectSameReply(one, other)
      counted.set(client, String(other.headers['ratelimit-remaining']))
    },
  )
  expect(counted.size).toBe(forwarded.length)
})

it('charges a refused request to no limit, and express-rate-limit to the first', async () => {
  fakeClocks()
  const [before, after] = [await appOf('before-several.ts'), await appOf('after-several.ts')]
  const request = { client: '127.0.0.1', path: '/' }
  const admittedInSecond = async () => {
    const admitted: [before: number, after: number] = [0, 0]
    for (let count = 0; count < 6; count++) {
      if ((await before(request)).status === 200) admitted[0] += 1
      if ((await after(request)).status === 200) admitted[1] += 1
    }
    passInMemory(1000)
    return admitted
  }
  expect(await admittedInSecond()).toEqual([3, 3])
  expect(await admittedInSecond()).toEqual([3, 3])
  expect(await admittedInSecond()).toEqual([0, 3])
  expect(await admittedInSecond()).toEqual([0, 1])
})

/** A slow model of a limit of five failures per minute, for one client. */
function failureModel(startsWithFirstFailure: boolean) {
  let end = 0
  let failures = 0
  return (isSuccess: boolean) => {
    const now = Date.now()
    if (now >= end || (startsWithFirstFailure && failures === 0)) {
      end = now + 60_000
      failures = 0
    }
    const reset = Math.ceil((end - now) / 1000)
    if (failures >= 5) return { status: 429, ratelimit: `limit=5, remaining=0, reset=${reset}` }
    const status = isSuccess ? 200 : 401
    const ratelimit = `limit=5, remaining=${4 - failures}, reset=${reset}`
    if (!isSuccess) failures += 1
    return { status, ratelimit }
  }
}

it('starts a window with the first failure, and express-rate-limit with the first request', async () => {
  fakeClocks()
  const models = new Map(
    CLIENTS.map((client) => [client, [failureModel(false), failureModel(true)] as const]),
  )
  const statuses = new Set<number>()
  let differing = 0
  await sideBySide(
    {
      requests: 500,
      clients: CLIENTS,
      paths: ['/login/swordfish', '/login/guess'],
      windowMs: 60_000,
      steps: 'any',
      passes: 0.2,
    },
    await appOf('before-failures.ts'),
    await appOf('after-failures.ts'),
    passInMemory,
    (before, after, { client, path }) => {
      const replies = [before, after].map(({ status, headers }) => ({ status, ratelimit: headers.ratelimit }))
      expect(replies).toEqual(models.get(client)?.map((reply) => reply(path.endsWith('swordfish'))))
      if (before.headers.ratelimit !== after.headers.ratelimit) differing += 1
      statuses.add(after.status)
    },
  )
  expect([...statuses].sort()).toEqual([200, 401, 429])
  expect(differing).toBeGreaterThan(0)
})
