import { OptionRangeError, OptionTypeError, unknownOption } from '../../option-error.js'
import { systemClock } from '../../time/clock.js'
import { UrlConnection } from './clients/from-url.js'
import { type IoRedisClient, IoRedisConnection } from './clients/ioredis.js'
import { type NodeRedisClient, NodeRedisConnection } from './clients/node-redis.js'
import type { Connection } from './redis-connection.js'
import { checkPrefix } from './redis-key.js'
import { type RedisStore, ScriptStore } from './redis-store.js'
import { parseRedisUrl } from './redis-url.js'
import { cacheRefusals } from './refusal-cache/caching-store.js'

export type { IoRedisClient } from './clients/ioredis.js'
export type { NodeRedisClient } from './clients/node-redis.js'
export type { RedisStore } from './redis-store.js'

export type RedisStoreOptions = {
  /**
   * What all keys begin with; default `sluice:`. With text in braces, as in `{sluice}:`, all keys of a cluster lie in
   * one slot, and so on one node: every request is then decided in one call, all or nothing.
   */
  readonly prefix?: string
  /**
   * How long this process goes on refusing without asking, in milliseconds; default 100, at most 1000, 0 for not at all.
   * So late it sees what another process gave back, reset or flushed. Its own settlements and resets it sees at once.
   */
  readonly rememberRefusals?: number
} & (
  | {
      /**
       * A client of ioredis or node-redis: standalone, with Sentinels, or of a cluster. A client of node-redis is
       * connected by who made it. With ioredis say `maxRetriesPerRequest: 0`, and for a cluster
       * `retryDelayOnFailover: 0`: else a charge is sent once more when the connection broke after it was done.
       */
      readonly client: IoRedisClient | NodeRedisClient
      readonly url?: never
    }
  | {
      /** Where the server is; the store connects with ioredis, at its first use. */
      readonly url: string
      readonly client?: never
    }
)

const DEFAULT_PREFIX = 'sluice:'

const DEFAULT_MEMORY = 100
const MAX_MEMORY = 1000

const OPTIONS = ['client', 'url', 'prefix', 'rememberRefusals']

/**
 * Keeps state in Redis (6.2 or later) or Valkey, for all processes that use the same server and prefix.
 *
 *     const store = redisStore('redis://localhost:6379')
 *     const store = redisStore({ client: new Redis(), prefix: 'shop:' })
 *
 * A request is decided in one call of a script, by the server's clock; the clocks of the processes change nothing.
 * In a cluster each key lies in a slot by itself, and a slot decides only for its own: charges that lie in several
 * slots are taken from each at once, and where one refuses, what the others took is given back at once. For that
 * moment (about a round trip) they count, so that somebody else may be refused who would have fitted; never is more
 * admitted than a limit allows, and once the answer is here a refused request has consumed nothing. Where giving back
 * fails because a node was lost, what it took comes back with time. A `prefix` in braces avoids the moment.
 *
 * What is asked in one turn of the event loop goes in one call, of at most 128 charges; each request is still decided by
 * itself. A request that was refused and comes again within 100 ms is refused at once, without the server, as long as by
 * what the server said it still has to be (`rememberRefusals`).
 *
 * Every key expires: not before it is as good as new, and at most two seconds after.
 *
 * @throws TypeError, RangeError for an option that cannot be right.
 */
export function redisStore(options: string | RedisStoreOptions): RedisStore {
  if (typeof options === 'string') return redisStore({ url: options })
  if (options === null || typeof options !== 'object')
    throw new OptionTypeError([], 'a Redis store is made from a URL, or from { client } or { url }')
  for (const option of Object.keys(options)) {
    if (!OPTIONS.includes(option)) throw unknownOption('a Redis store', option, OPTIONS)
  }
  const prefix = checkPrefix(options.prefix ?? DEFAULT_PREFIX)
  const longest = checkMemory(options.rememberRefusals ?? DEFAULT_MEMORY)
  const store = new ScriptStore(connectionOf(options), prefix)
  return longest === 0 ? store : cacheRefusals(store, { longest, clock: systemClock })
}

function checkMemory(milliseconds: number): number {
  if (typeof milliseconds !== 'number')
    throw new OptionTypeError(
      ['rememberRefusals'],
      `'rememberRefusals' is a number of milliseconds, not ${String(milliseconds)}`,
    )
  if (!(milliseconds >= 0 && milliseconds <= MAX_MEMORY))
    throw new OptionRangeError(
      ['rememberRefusals'],
      `'rememberRefusals' is from 0 to ${MAX_MEMORY} ms, not ${milliseconds}`,
    )
  return milliseconds
}

function connectionOf({ client, url }: RedisStoreOptions): Connection {
  if ((client === undefined) === (url === undefined))
    throw new OptionTypeError([], "a Redis store is made from a 'client' or from a 'url', one of them")
  if (client === undefined) return new UrlConnection(parseRedisUrl(String(url)))
  if (client !== null && typeof client === 'object') {
    if ('evalSha' in client) return new NodeRedisConnection(client)
    if ('createBuiltinCommand' in client) return new IoRedisConnection(client, false)
  }
  throw new OptionTypeError(['client'], "'client' is a client of ioredis or of node-redis")
}
