import { Redis } from 'ioredis'
import { RedisStore as RateLimitRedisStore } from 'rate-limit-redis'
import { RateLimiterRedis } from 'rate-limiter-flexible'
import { createLimiter, type Rule } from 'sluice'
import { redisStore } from 'sluice/redis'

/** Decides on a key with Redis through the public API of a library. */
export type Admit = (key: string) => unknown

/** Whether the limit is above the load or used up by a single request. */
export type LimitSize = 'everything allowed' | 'everything refused'

const LIMITS: Record<LimitSize, { readonly limit: number; readonly seconds: number }> = {
  'everything allowed': { limit: 100_000, seconds: 60 },
  'everything refused': { limit: 1, seconds: 86_400 },
}

/** Creates a Sluice limiter whose rules all count by the key that is passed. */
export function sluice(
  port: number,
  limitSize: LimitSize,
  { rules = 1, ...storeOptions }: { readonly rules?: number; readonly rememberRefusals?: number } = {},
): Admit {
  const { limit, seconds } = LIMITS[limitSize]
  const store = redisStore({ client: new Redis(port), ...storeOptions })
  const limiter = createLimiter({
    name: 'bench',
    store,
    rules: Array.from(
      { length: rules },
      (_, index): Rule<string> => ({
        name: `rule ${index}`,
        limit: `${limit}/${seconds + index}s`,
      }),
    ),
  })
  return (key) => limiter.admit(key)
}

/** Creates a rate-limiter-flexible limiter with its defaults, without in-memory blocking. */
export function rateLimiterFlexible(port: number, limitSize: LimitSize): Admit {
  const { limit: points, seconds: duration } = LIMITS[limitSize]
  const limiter = new RateLimiterRedis({ storeClient: new Redis(port), points, duration })
  return (key) => limiter.consume(key).catch(() => {})
}

/**
 * Creates a rate-limiter-flexible limiter with in-memory blocking: refunds do not unblock a key
 * before its window ends.
 */
export function rateLimiterFlexibleBlocking(port: number, limitSize: LimitSize): Admit {
  const { limit: points, seconds: duration } = LIMITS[limitSize]
  const storeClient = new Redis(port)
  const limiter = new RateLimiterRedis({ storeClient, points, duration, inMemoryBlockOnConsumed: points })
  return (key) => limiter.consume(key).catch(() => {})
}

export async function rateLimitRedis(port: number, limitSize: LimitSize): Promise<Admit> {
  const client = new Redis(port)
  const store = new RateLimitRedisStore({
    sendCommand: (command: string, ...args: string[]) => client.call(command, ...args) as Promise<never>,
  })
  store.init({ windowMs: LIMITS[limitSize].seconds * 1000 } as Parameters<typeof store.init>[0])
  await store.increment('warm-up')
  return (key) => store.increment(key)
}

/** Makes the minimum call that a decision on Redis needs: one INCR. */
export function increment(port: number): Admit {
  const client = new Redis(port)
  return (key) => client.incr(key)
}
