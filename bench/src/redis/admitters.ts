import { Redis } from 'ioredis'
import { RedisStore as RateLimitRedisStore } from 'rate-limit-redis'
import { RateLimiterRedis } from 'rate-limiter-flexible'
import { createLimiter, type Rule } from 'sluice'
import { redisStore } from 'sluice/redis'

/** Something that decides on keys with a Redis, as a library's user would have it. */
export type Admit = (key: string) => unknown

/** A limit that nobody reaches here; and one that everybody has reached after one request. */
export type Generosity = 'everything allowed' | 'everything refused'

const LIMITS: Record<Generosity, { readonly limit: number; readonly seconds: number }> = {
  'everything allowed': { limit: 100_000, seconds: 60 },
  'everything refused': { limit: 1, seconds: 86_400 },
}

/** Our limiter with so many rules, all for the key that is asked about. */
export function sluice(
  port: number,
  generosity: Generosity,
  { rules = 1, ...memory }: { readonly rules?: number; readonly rememberRefusals?: number } = {},
): Admit {
  const { limit, seconds } = LIMITS[generosity]
  const store = redisStore({ client: new Redis(port), ...memory })
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

/** As it is, without its block in memory, which would decide without Redis. */
export function rateLimiterFlexible(port: number, generosity: Generosity): Admit {
  const { limit: points, seconds: duration } = LIMITS[generosity]
  const limiter = new RateLimiterRedis({ storeClient: new Redis(port), points, duration })
  return (key) => limiter.consume(key).catch(() => {})
}

/** With it: who is refused is refused here until the window ends, whatever is given back. */
export function rateLimiterFlexibleBlocking(port: number, generosity: Generosity): Admit {
  const { limit: points, seconds: duration } = LIMITS[generosity]
  const storeClient = new Redis(port)
  const limiter = new RateLimiterRedis({ storeClient, points, duration, inMemoryBlockOnConsumed: points })
  return (key) => limiter.consume(key).catch(() => {})
}

export async function rateLimitRedis(port: number, generosity: Generosity): Promise<Admit> {
  const client = new Redis(port)
  const store = new RateLimitRedisStore({
    sendCommand: (command: string, ...args: string[]) => client.call(command, ...args) as Promise<never>,
  })
  store.init({ windowMs: LIMITS[generosity].seconds * 1000 } as Parameters<typeof store.init>[0])
  await store.increment('not a client')
  return (key) => store.increment(key)
}

/** The least that can be asked of a Redis for each decision: one INCR, which decides nothing. */
export function increment(port: number): Admit {
  const client = new Redis(port)
  return (key) => client.incr(key)
}
