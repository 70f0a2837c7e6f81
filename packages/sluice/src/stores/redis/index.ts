import { OptionRangeError, OptionTypeError, unknownOption } from '../../option-error.js'
import { systemClock } from '../../time/clock.js'
import { type IoRedisClient, IoRedisConnection } from './clients/ioredis.js'
import { type NodeRedisClient, NodeRedisConnection } from './clients/node-redis.js'
import { RedisUrlConnection } from './clients/redis-url-connection.js'
import type { RedisConnection } from './redis-connection.js'
import { checkPrefix } from './redis-key.js'
import { type RedisStore, ScriptStore } from './redis-store.js'
import { parseRedisUrl } from './redis-url.js'
import { cacheRefusals } from './refusal-cache/caching-store.js'

export type { IoRedisClient } from './clients/ioredis.js'
export type { NodeRedisClient } from './clients/node-redis.js'
export type { RedisStore } from './redis-store.js'

export type RedisStoreOptions = {
  /**
   * Prefix of all keys; default `sluice:`. A part in braces, as in `{sluice}:`, places all keys in
   * one slot of a cluster, and so on one node. Every request is then decided in one atomic call.
   */
  readonly prefix?: string
  /**
   * Maximum time for which this process repeats a refusal without querying the server, in
   * milliseconds; default 100, at most 1000, 0 to disable. Refunds, resets and flushes by other
   * processes may take effect this much later. Settlements and resets through this store take
   * effect immediately.
   */
  readonly rememberRefusals?: number
} & (
  | {
      /**
       * An ioredis or node-redis client: standalone, with Sentinels, or for a cluster. The store
       * never closes it. A node-redis client must be connected before the first request. Set
       * `maxRetriesPerRequest: 0` for ioredis, and `retryDelayOnFailover: 0` for its cluster
       * client. Otherwise, the client sends a charge again if the connection breaks after the
       * charge was taken.
       */
      readonly client: IoRedisClient | NodeRedisClient
      readonly url?: never
    }
  | {
      /** Address of the server. The store connects on first use, using ioredis. */
      readonly url: string
      readonly client?: never
    }
)

const DEFAULT_PREFIX = 'sluice:'

const DEFAULT_REMEMBER_MS = 100
const MAX_REMEMBER_MS = 1000

const OPTIONS = ['client', 'url', 'prefix', 'rememberRefusals']

/**
 * Creates a store in Redis 6.2 or later, or Valkey, shared by all processes that use the same
 * server and prefix.
 *
 *     const store = redisStore('redis://localhost:6379')
 *     const store = redisStore({ client: new Redis(), prefix: 'shop:' })
 *
 * A script decides each request in one call, using the server's clock. The clocks of the processes
 * have no effect.
 *
 * In a cluster, all rules that count a request by the same key are in one slot, and a call covers one
 * slot. Charges in several slots are taken in parallel. If one slot refuses, the charges in the other
 * slots are refunded immediately.
 * Until then, for about a round trip, they count, so another request that would have fit may be
 * refused. No limit is ever exceeded, and when a request is refused, its charges have already been
 * refunded. If a refund fails because a node was lost, the charges expire with time. With a
 * `prefix` in braces, all keys share a slot and every request is decided atomically.
 *
 * Requests in one turn of the event loop share a call of at most 128 charges, but each is decided
 * individually. A request that is repeated within 100 ms of its refusal is refused without a query,
 * as long as the earlier response implies that the server would still refuse it
 * (`rememberRefusals`).
 *
 * Every key expires after its limit has fully recovered, at most two seconds later.
 *
 * @throws TypeError, RangeError for an invalid option.
 */
export function redisStore(options: string | RedisStoreOptions): RedisStore {
  if (typeof options === 'string') return redisStore({ url: options })
  if (options === null || typeof options !== 'object')
    throw new OptionTypeError([], "a Redis store needs a URL, or an object with a 'client' or a 'url'")
  for (const option of Object.keys(options)) {
    if (!OPTIONS.includes(option)) throw unknownOption('a Redis store', option, OPTIONS)
  }
  const prefix = checkPrefix(options.prefix ?? DEFAULT_PREFIX)
  const maxAgeMs = checkRememberMs(options.rememberRefusals ?? DEFAULT_REMEMBER_MS)
  const store = new ScriptStore(connectionOf(options), prefix)
  return maxAgeMs === 0 ? store : cacheRefusals(store, { maxAgeMs, clock: systemClock })
}

function checkRememberMs(milliseconds: number): number {
  if (typeof milliseconds !== 'number')
    throw new OptionTypeError(
      ['rememberRefusals'],
      `'rememberRefusals' must be a number of milliseconds, not ${String(milliseconds)}`,
    )
  if (!(milliseconds >= 0 && milliseconds <= MAX_REMEMBER_MS))
    throw new OptionRangeError(
      ['rememberRefusals'],
      `'rememberRefusals' must be between 0 and ${MAX_REMEMBER_MS} ms, not ${milliseconds}`,
    )
  return milliseconds
}

function connectionOf({ client, url }: RedisStoreOptions): RedisConnection {
  if ((client === undefined) === (url === undefined))
    throw new OptionTypeError([], "a Redis store needs either a 'client' or a 'url'")
  if (client === undefined) return new RedisUrlConnection(parseRedisUrl(String(url)))
  if (client !== null && typeof client === 'object') {
    if ('evalSha' in client) return new NodeRedisConnection(client)
    if ('createBuiltinCommand' in client) return new IoRedisConnection(client, false)
  }
  throw new OptionTypeError(['client'], "'client' must be an ioredis or node-redis client")
}
