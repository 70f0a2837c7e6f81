import type { Express } from 'express'
import { Redis } from 'ioredis'
import { expect, it, onTestFinished } from 'vitest'
import { seededRandom } from '../fuzz/random.js'
import { importListing } from './pages.js'
import { expectSameReply, fakeClocks, passInMemory, redisForTest, serve, sideBySide } from './side-by-side.js'

// Runs the listings of docs/migrate/rate-limiter-flexible.md next to each other.

const PAGE = 'rate-limiter-flexible'
const CLIENTS = ['127.0.0.1', '127.0.0.2', '127.0.0.3']

type Take = (address: string) => Promise<{ allowed: boolean; remaining: number; waitMs?: number }>
interface Attempts {
  mayTry(user: string): Promise<boolean>
  onAttempt(user: string, isCorrect: boolean): Promise<void>
}
type Predict = (user: string, rows: number) => Promise<void>

it('admits the same requests as rate-limiter-flexible in memory, with the same numbers', async () => {
  fakeClocks('timeouts')
  const before = await importListing<{ take: Take }>(PAGE, 'before.ts')
  const after = await importListing<{ take: Take }>(PAGE, 'after.ts')
  const allowed = new Set<boolean>()
  await sideBySide(
    { requests: 5000, clients: CLIENTS, windowMs: 1000, steps: 'any', passes: 0.1 },
    ({ client }) => before.take(client),
    ({ client }) => after.take(client),
    passInMemory,
    (one, other) => {
      expect(other).toEqual(one)
      allowed.add(other.allowed)
    },
  )
  expect(allowed.size).toBe(2)
})

it('admits the same requests as rate-limiter-flexible on Redis', async () => {
  fakeClocks()
  const { server, pass } = await redisForTest()
  const redis = new Redis(server.port)
  onTestFinished(() => redis.disconnect())
  const takeOf = async (listing: string) => {
    const { createTake } = await importListing<{ createTake: (redis: Redis) => Take }>(PAGE, listing)
    return createTake(redis)
  }
  const [before, after] = [await takeOf('before-redis.ts'), await takeOf('after-redis.ts')]
  const allowed = new Set<boolean>()
  await sideBySide(
    { requests: 400, clients: CLIENTS, windowMs: 60_000, steps: 'windows', passes: 0.05 },
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

it('replies like an Express middleware around rate-limiter-flexible', async () => {
  fakeClocks('timeouts')
  const sideOf = async (listing: string) => serve((await importListing<{ app: Express }>(PAGE, listing)).app)
  const bodies = new Set<string>()
  await sideBySide(
    { requests: 400, clients: CLIENTS, windowMs: 60_000, steps: 'any', passes: 0.03 },
    await sideOf('before-express.ts'),
    await sideOf('after-express.ts'),
    passInMemory,
    (before, after) => {
      expectSameReply(before, after)
      expect(after.body).toBe(before.body)
      bodies.add(after.body)
    },
  )
  expect([...bodies].sort()).toEqual(['Too many requests', '{"hello":"world"}'])
})

it('keeps the rows of a refusal free, which rate-limiter-flexible counts', async () => {
  fakeClocks('timeouts')
  const before = await importListing<{ predict: Predict }>(PAGE, 'before-costs.ts')
  const after = await importListing<{ predict: Predict }>(PAGE, 'after-costs.ts')
  const seed = Math.floor(Math.random() * 2 ** 31)
  const random = seededRandom(seed)
  let differing = 0
  for (let window = 0; window < 200; window++) {
    let sent = 0
    let taken = 0
    for (let request = 0; request < 8; request++) {
      const rows = 1 + random.below(50)
      sent += rows
      const fits = taken + rows <= 100
      if (fits) taken += rows
      const replies = await Promise.all(
        [before, after].map(({ predict }) =>
          predict('ada', rows).then(
            () => true,
            () => false,
          ),
        ),
      )
      expect(replies, `seed ${seed}, window ${window}, request ${request}`).toEqual([sent <= 100, fits])
      if (replies[0] !== replies[1]) differing += 1
    }
    passInMemory(60_000)
  }
  expect(differing).toBeGreaterThan(0)
})

it('blocks a client for the same time as blockDuration of rate-limiter-flexible', async () => {
  fakeClocks('timeouts')
  const before = await importListing<{ take: Take }>(PAGE, 'before-block.ts')
  const after = await importListing<{ take: Take }>(PAGE, 'after-block.ts')
  const waits: number[] = []
  await sideBySide(
    { requests: 3000, clients: CLIENTS, windowMs: 60_000, steps: 'any', passes: 0.3 },
    ({ client }) => before.take(client),
    ({ client }) => after.take(client),
    passInMemory,
    (one, other) => {
      expect(other).toEqual(one)
      if (!other.allowed) waits.push(Number(other.waitMs))
    },
  )
  expect(Math.max(...waits)).toBe(900_000)
  expect(Math.min(...waits)).toBeLessThan(600_000)
})

it('charges and resets failures like penalty and delete of rate-limiter-flexible', async () => {
  fakeClocks('timeouts')
  const before = await importListing<Attempts>(PAGE, 'before-failures.ts')
  const after = await importListing<Attempts>(PAGE, 'after-failures.ts')
  const attempt = async ({ mayTry, onAttempt }: Attempts, user: string, isCorrect: boolean) => {
    const isAllowed = await mayTry(user)
    if (isAllowed) await onAttempt(user, isCorrect)
    return isAllowed
  }
  const allowed = new Set<boolean>()
  await sideBySide(
    {
      requests: 2000,
      clients: ['ada', 'bob'],
      paths: ['wrong', 'wrong', 'wrong', 'wrong', 'right'],
      windowMs: 60_000,
      steps: 'any',
      passes: 0.2,
    },
    ({ client, path }) => attempt(before, client, path === 'right'),
    ({ client, path }) => attempt(after, client, path === 'right'),
    passInMemory,
    (one, other) => {
      expect(other).toBe(one)
      allowed.add(other)
    },
  )
  expect(allowed.size).toBe(2)
})
