import { OptionTypeError, unknownOption } from '../../option-error.js'
import { ClientConnection, type MemcachedClient } from './client-connection.js'
import type { Connection } from './memcached-connection.js'
import { checkPrefix } from './memcached-key.js'
import { CasStore, type MemcachedStore } from './memcached-store.js'
import { parseMemcachedUrl } from './memcached-url.js'
import { ServerTime } from './server-clock.js'
import { UrlConnection } from './url-connection.js'

export type { MemcachedClient } from './client-connection.js'
export { StoreContentionError, StoredValueError } from './memcached-errors.js'
export type { MemcachedStore } from './memcached-store.js'

export type MemcachedStoreOptions = {
  /** What all keys begin with: printable ASCII, at most 100 characters; default `sluice:`. */
  readonly prefix?: string
} & (
  | {
      /** A client of memcache-client, of one server. Whoever made it shuts it down. */
      readonly client: MemcachedClient
      readonly url?: never
    }
  | {
      /** Where the server is, `memcached://host:11211`; the store connects with memcache-client, at its first use. */
      readonly url: string
      readonly client?: never
    }
)

const DEFAULT_PREFIX = 'sluice:'

const OPTIONS = ['client', 'url', 'prefix']

/**
 * Keeps state in Memcached (1.4 or later), for all processes that use the same server and prefix.
 *
 *     const store = memcachedStore('memcached://localhost:11211')
 *     const store = memcachedStore({ client: new MemcacheClient({ server: 'localhost:11211' }), prefix: 'shop:' })
 *
 * A key is decided by compare-and-swap: its state is read, judged here, and written if nobody wrote it since; else
 * all over again, up to 40 times. All calls of a process that wait for a key share a round, so that only processes
 * contend, not calls. What Memcached cannot do as well as Redis:
 *
 * - **Several keys** are not decided at once. A request with several charges first looks at all its keys, and then
 *   takes from one after the other; where one refuses, what was taken is given back. For that moment (about a round
 *   trip a key) it counts, so that somebody else may be refused who would have fitted. Never is more admitted than a
 *   limit allows, and once the answer is here a refused request has consumed nothing.
 * - **An answer that is lost** leaves open whether the charge was taken. The call rejects; what was taken comes back
 *   with time, and a lease ends.
 * - **Time** is that of the processes, set by the server's clock once a minute. Those that have not yet met on a key are
 *   apart by a second and a round trip at most, whatever their machines' clocks say. So when a process first meets a key
 *   of others it may take that much of time for gone: of a token bucket what comes back in a second, of a log the
 *   entries that are a second from their end, of a window its last second. From then on they have one time.
 * - **Memory**: Memcached throws away what was not used for long when it is full, limits among it, unless it runs with
 *   `-M`; and all when it restarts. A value has at most 1 MB: about 100,000 entries of a `sliding-log` or 10,000
 *   leases; beyond, a take throws a RangeError.
 *
 * Every key expires: not before it is as good as new, and less than two seconds after. (An expiry of more than 30 days
 * is a date to Memcached, and may be a round trip later; none can lie after January 2038.)
 *
 * The store's promises reject with a StoreContentionError where others came first 40 times, with a StoredValueError
 * where a value is damaged or foreign, and with the client's errors.
 *
 * @throws TypeError, RangeError for an option that cannot be right.
 */
export function memcachedStore(options: string | MemcachedStoreOptions): MemcachedStore {
  if (typeof options === 'string') return memcachedStore({ url: options })
  if (options === null || typeof options !== 'object')
    throw new OptionTypeError([], 'a Memcached store is made from a URL, or from { client } or { url }')
  for (const option of Object.keys(options)) {
    if (!OPTIONS.includes(option)) throw unknownOption('a Memcached store', option, OPTIONS)
  }
  const prefix = checkPrefix(options.prefix ?? DEFAULT_PREFIX)
  const connection = connectionOf(options)
  return new CasStore(connection, prefix, new ServerTime(() => connection.time()))
}

function connectionOf({ client, url }: MemcachedStoreOptions): Connection {
  if ((client === undefined) === (url === undefined))
    throw new OptionTypeError([], "a Memcached store is made from a 'client' or from a 'url', one of them")
  if (client === undefined) return new UrlConnection(parseMemcachedUrl(String(url)))
  if (client === null || typeof client !== 'object' || typeof client.gets !== 'function')
    throw new OptionTypeError(['client'], "'client' is a MemcacheClient of memcache-client")
  const { servers } = Object(client.options?.server) as { servers?: unknown }
  if (Array.isArray(servers) && servers.length > 1)
    throw new OptionTypeError(
      ['client'],
      'this client sends each command to any of several servers, and each would count for itself; give it one server',
    )
  return new ClientConnection(client, false)
}
