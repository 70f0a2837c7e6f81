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
      /** A memcache-client for a single server. The store never shuts it down. */
      readonly client: MemcachedClient
      readonly url?: never
    }
  | {
      /**
       * Address of the server, `memcached://host:11211`. The store connects on first use, with
       * memcache-client.
       */
      readonly url: string
      readonly client?: never
    }
)

const DEFAULT_PREFIX = 'sluice:'

const OPTIONS = ['client', 'url', 'prefix']

/**
 * Creates a store in Memcached 1.4 or later, shared by all processes with the same server and
 * prefix.
 *
 *     const store = memcachedStore('memcached://localhost:11211')
 *     const client = new MemcacheClient({ server: 'localhost:11211' })
 *     const store = memcachedStore({ client, prefix: 'shop:' })
 *
 * A key is decided by compare-and-swap: the store reads its state, judges the charges, and writes
 * the new state unless another process has written it in the meantime. In that case it starts over,
 * up to 40 times. All calls of a process that wait for one key share a round, so only processes
 * contend, not calls. Compared with Redis:
 *
 * - **Several keys** are not decided atomically. A request with several charges first reads all
 *   keys, then takes from one after the other, and refunds them if one refuses. Until the refund,
 *   about a round trip per key, the charges count, so another request may be refused that would
 *   have fitted. No limit is ever exceeded, and a refused request has consumed nothing by the time
 *   it is decided.
 * - **A lost response** leaves open whether the charge was taken. The call rejects; the charge
 *   expires with time, and a lease ends.
 * - **Time** is that of the processes, synchronized with the server's clock once a minute. The
 *   clocks of two processes differ by at most a second and a round trip, whatever their machines'
 *   clocks say. When a process first meets a key of another process, it may be ahead by that much.
 *   This refills a second's worth of a token bucket, drops log entries that are a second from their
 *   end, or ends a window a second early. From then on the two processes agree on the time.
 * - **Memory**: a full Memcached evicts keys that were not used for long, limits included, unless
 *   it runs with `-M`. A restart loses all keys. A value holds at most 1 MB: about 100,000 entries
 *   of a `sliding-log`, or 10,000 leases. A take beyond that throws a RangeError.
 *
 * Every key expires, no earlier than its limit has fully recovered and less than two seconds later.
 * Memcached treats an expiry beyond 30 days as a date. Such a key may expire a round trip later,
 * and in January 2038 at the latest.
 *
 * The store's promises reject with a StoreContentionError after 40 lost attempts, with a
 * StoredValueError for a damaged or foreign value, and with the client's errors.
 *
 * @throws TypeError, RangeError for an invalid option.
 */
export function memcachedStore(options: string | MemcachedStoreOptions): MemcachedStore {
  if (typeof options === 'string') return memcachedStore({ url: options })
  if (options === null || typeof options !== 'object')
    throw new OptionTypeError([], 'a Memcached store needs a URL, or an object with a client or a url')
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
      'this client spreads keys over several servers, which would count separately; give it one server',
    )
  return new MemcachedClientConnection(client, false)
}
