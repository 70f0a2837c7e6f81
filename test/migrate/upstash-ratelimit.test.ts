import { Redis as UpstashRedis } from '@upstash/redis'
import { Redis } from 'ioredis'
import { memoryStore, type Store } from 'sluice'
import { redisStore } from 'sluice/redis'
import { expect, it, onTestFinished } from 'vitest'
import { importListing } from './pages.js'
import { fakeClocks, passInMemory, redisForTest, sideBySide } from './side-by-side.js'
import { serveUpstash } from './upstash-service.js'

// Runs the listings of docs/migrate/upstash-ratelimit.md next to each other.

const PAGE = 'upstash-ratelimit'

type Take = (user: string) => Promise<{ allowed: boolean; remaining: number }>

/** Starts a Redis, and the limiter of each listing: Upstash on Redis, and Sluice on the store. */
async function startSides(storeOn: (redis: Redis) => Store) {
  const { server, pass } = await redisForTest()
  const redis = new Redis(server.port)
  onTestFinished(() => redis.disconnect())
  const upstash = new UpstashRedis({ url: await serveUpstash(redis), token: 'none', enableTelemetry: false })
  const before = await importListing<{ createTake: (redis: UpstashRedis) => Take }>(PAGE, 'before.ts')
  const after = await importListing<{ createTake: (store: Store) => Take }>(PAGE, 'after.ts')
  return { before: before.createTake(upstash), after: after.createTake(storeOn(redis)), pass }
}

it('admits the same requests as @upstash/ratelimit on Redis within a window', async () => {
  fakeClocks()
  const { before, after, pass } = await startSides((redis) => redisStore({ client: redis }))
  const allowed = new Set<boolean>()
  await sideBySide(
    // One second more than a window: Upstash still refuses in the millisecond in which it ends.
    { requests: 300, clients: ['ada', 'bob', 'eve'], windowMs: 61_000, steps: 'windows', passes: 0.05 },
    ({ client }) => before(client),
    ({ client }) => after(client),
    pass,
    (one, other) => {
      expect(other).toEqual(one)
      allowed.add(other.allowed)
    },
  )
  expect(allowed.size).toBe(2)
})

it('starts a window with the first request, and @upstash/ratelimit with the minute', async () => {
  fakeClocks()
  const { before, after } = await startSides(() => memoryStore())
  const both = async () => [(await before('ada')).allowed, (await after('ada')).allowed]
  passInMemory(50_000)
  for (let request = 0; request < 10; request++) expect(await both()).toEqual([true, true])
  passInMemory(16_000)
  expect(await both()).toEqual([true, false])
  passInMemory(49_999)
  expect((await both())[1]).toBe(false)
  passInMemory(1)
  expect(await both()).toEqual([true, true])
})
