import { OptionTypeError, unknownOption } from '../../option-error.js'
import { type MemcachedClient, MemcachedClientConnection } from './memcached-client-connection.js'
import type { MemcachedConnection } from './memcached-connection.js'
import { checkPrefix } from './memcached-key.js'
import { CasStore, type MemcachedStore } from './memcached-store.js'
import { parseMemcachedUrl } from './memcached-url.js'
import { MemcachedUrlConnection } from './memcached-url-connection.js'
import { ServerClock } from './server-clock.js'

export type { MemcachedClient } from './memcached-client-connection.js'
export { StoreContentionError, StoredValueError } from './memcached-errors.js'
export type { MemcachedStore } from './memcached-store.js'

export type MemcachedStoreOptions = {
  /** Prefix of all keys: printable ASCII, at most 100 characters; default `sluice:`. */
  readonly prefix?: string
} & (
  | {
      /** A client from memcache-client for a single server. The store never shuts it down. */
      readonly client: MemcachedClient
      readonly url?: never
    }
  | {
      /**
       * Address of the server, `memcached://host:11211`. The store connects on first use, using
       * memcache-client.
       */
      readonly url: string
      readonly client?: never
    }
)

const DEFAULT_PREFIX = 'sluice:'

const OPTIONS = ['client', 'url', 'prefix']

/**
 * Creates a store in Memcached 1.4 or later, shared by all processes that use the same server
 * and prefix.
 *
 *     const store = memcachedStore('memcached://localhost:11211')
 *     const client = new MemcacheClient({ server: 'localhost:11211' })
 *     const store = memcachedStore({ client, prefix: 'shop:' })
 *
 * The store decides by compare-and-swap: it reads the state of a key, judges the charges, and
 * writes the new state unless another process has changed it in the meantime. In that case it tries
 * again, up to 40 times. All calls of one process that wait for the same key share a round, so only
 * processes contend with each other. Differences from Redis:
 *
 * - **Several keys** are not decided atomically. A request with several charges first reads all
 *   keys, then takes from one key after another. If a key refuses, the earlier charges are
 *   refunded. Until then, for about a round trip per key, they count, so another request that would
 *   have fit may be refused. No limit is ever exceeded, and when a request is refused, its
 *   charges have already been refunded.
 * - **A lost response** leaves it unknown whether the charge was taken. The call rejects. A charge
 *   that was taken expires with time, and slots are held until their lease ends.
 * - **Time** comes from the clocks of the processes, which are synchronized with the server's once
 *   a minute. The clocks of two processes then differ by at most a second and a round trip,
 *   regardless of the system clocks. A process may be ahead by that much when it first reads a key
 *   of another process. A token bucket then refills an additional second's worth, log entries
 *   expire a second early, or a window ends a second early. From then on, the two processes agree
 *   on the time.
 * - **Memory**: a full Memcached evicts the least recently used keys, including live limits, unless
 *   it runs with `-M`. A restart loses all keys. A value holds at most 1 MB: about 100,000 entries
 *   of a `sliding-log`, or 10,000 leases. A take beyond that throws a RangeError.
 *
 * Every key expires after its limit has fully recovered, less than two seconds later. Memcached
 * treats an expiry beyond 30 days as a Unix timestamp. Such a key may expire a round trip later,
 * and in January 2038 at the latest.
 *
 * The store's promises reject with a StoreContentionError after 40 failed attempts, with a
 * StoredValueError for a value that is damaged or that another program wrote, and with the client's
 * errors.
 *
 * @throws TypeError, RangeError for an invalid option.
 */
export function memcachedStore(options: string | MemcachedStoreOptions): MemcachedStore {
  if (typeof options === 'string') return memcachedStore({ url: options })
  if (options === null || typeof options !== 'object')
    throw new OptionTypeError([], "a Memcached store needs a URL, or an object with a 'client' or a 'url'")
  for (const option of Object.keys(options)) {
    if (!OPTIONS.includes(option)) throw unknownOption('a Memcached store', option, OPTIONS)
  }
  const prefix = checkPrefix(options.prefix ?? DEFAULT_PREFIX)
  const connection = connectionOf(options)
  return new CasStore(connection, prefix, new ServerClock(() => connection.time()))
}

function connectionOf({ client, url }: MemcachedStoreOptions): MemcachedConnection {
  if ((client === undefined) === (url === undefined))
    throw new OptionTypeError([], "a Memcached store needs either a 'client' or a 'url'")
  if (client === undefined) return new MemcachedUrlConnection(parseMemcachedUrl(String(url)))
  if (client === null || typeof client !== 'object' || typeof client.gets !== 'function')
    throw new OptionTypeError(['client'], "'client' must be a MemcacheClient of memcache-client")
  const { servers } = Object(client.options?.server) as { servers?: unknown }
  if (Array.isArray(servers) && servers.length > 1)
    throw new OptionTypeError(
      ['client'],
      "'client' distributes keys over several servers, which would count separately; configure a single server",
    )
  return new MemcachedClientConnection(client, false)
}
