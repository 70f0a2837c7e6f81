import { OptionRangeError, unknownOption } from '../option-error.js'
import { type Client, checkClient } from '../rules/client.js'
import type { MaybePromise } from '../stores/store.js'
import { type Clock, systemClock } from '../time/clock.js'
import { systemTimers } from '../time/timers.js'
import type { KeyLookup } from './api-keys.js'
import { IdentityUnavailableError } from './identity-unavailable.js'

export interface CacheOptions {
  /**
   * Time that a known key is cached, in milliseconds. A revoked key stays valid for up to this
   * long, unless `forget` is called. Default 60,000.
   */
  readonly maxAge?: number
  /**
   * Additional time that a known key stays valid while lookups fail, in milliseconds. Default 0:
   * requests then get 503.
   */
  readonly maxStaleAge?: number
  /** Time that an unknown key is cached, in milliseconds. Default 5,000. */
  readonly unknownMaxAge?: number
  /**
   * Maximum number of known keys in the cache, and separately of unknown keys. The least recently
   * used key of the same kind is evicted, so made-up keys never evict known ones. Default 10,000.
   */
  readonly maxKeys?: number
  /** Timeout of a lookup in milliseconds. Default 2,000. */
  readonly timeout?: number
  readonly clock?: Pick<Clock, 'now'> & Partial<Pick<Clock, 'wallTime'>>
}

/** A client that a lookup found, and when its key expires. */
export type FoundClient = Client & {
  /** Expiry in milliseconds since the epoch. The key is unknown from then on. Default: never. */
  readonly expires?: number
}

/** A lookup with a cache. */
export interface CachedKeyLookup extends KeyLookup {
  /**
   * Removes a key from the cache, so that a change takes effect at once. Lookups in progress are
   * not cached.
   *
   * @param digest the digest of the key; default: all keys
   */
  forget(digest?: string): void
}

/**
 * Time after a failed lookup in which known keys that are due for a lookup stay valid without one,
 * in milliseconds. Otherwise, each of them would wait for the timeout.
 */
const RETRY_DELAY_MS = 1_000

/**
 * Caches the clients of keys, so that a database is not queried for every request. Concurrent
 * requests with the same key share one lookup. If the lookup fails or times out, they all fail with
 * IdentityUnavailableError (503), and the failure is not cached.
 *
 * @param lookup receives the key's SHA-256 in hexadecimal, which is what a database should store
 * @throws TypeError, RangeError for options that are unknown or out of range
 */
export function cachedLookup(
  lookup: (digest: string) => Promise<FoundClient | string | undefined | null>,
  options: CacheOptions = {},
): CachedKeyLookup {
  const { maxAge, maxStaleAge, unknownMaxAge, maxKeys, timeout, clock } = readOptions(options)
  const now = () => clock.now()
  const wallTime = () => (clock.wallTime === undefined ? Date.now() : clock.wallTime())
  const known = new LruCache<KnownKey>(maxKeys, clock)
  const unknown = new LruCache<true>(maxKeys, clock)
  const pending = new Map<string, Promise<Client | undefined>>()
  let lastFailure = Number.NEGATIVE_INFINITY

  /** Returns the client and how long its key is valid; undefined if the key is unknown or has expired. */
  const validOf = (found: Awaited<ReturnType<typeof lookup>>) => {
    if (found === undefined || found === null) return undefined
    const expires = typeof found === 'object' ? found.expires : undefined
    const validMs = expires === undefined ? Number.POSITIVE_INFINITY : expires - wallTime()
    return validMs > 0 ? { client: checkClient(found), validMs } : undefined
  }
  const remember = (digest: string, valid: ReturnType<typeof validOf>) => {
    if (valid === undefined) {
      known.delete(digest)
      unknown.add(digest, true, unknownMaxAge)
    } else {
      const { client, validMs } = valid
      known.add(digest, { client, due: now() + maxAge }, Math.min(maxAge + maxStaleAge, validMs))
    }
  }
  const query = async (digest: string, isCurrent: () => boolean): Promise<Client | undefined> => {
    let found: Awaited<ReturnType<typeof lookup>>
    try {
      found = await withTimeout(lookup(digest), timeout)
    } catch (cause) {
      lastFailure = now()
      const stale = known.get(digest)
      if (stale !== undefined) return stale.client
      throw new IdentityUnavailableError({ cause })
    }
    lastFailure = Number.NEGATIVE_INFINITY
    const valid = validOf(found)
    if (isCurrent()) remember(digest, valid)
    return valid?.client
  }
  const find = (digest: string): MaybePromise<Client | undefined> => {
    const cached = known.get(digest)
    if (cached !== undefined && (now() < cached.due || now() < lastFailure + RETRY_DELAY_MS))
      return cached.client
    if (unknown.get(digest)) return undefined
    const shared = pending.get(digest)
    if (shared !== undefined) return shared
    const result: Promise<Client | undefined> = query(digest, () => pending.get(digest) === result)
    pending.set(digest, result)
    const onSettled = () => {
      if (pending.get(digest) === result) pending.delete(digest)
    }
    result.then(onSettled, onSettled)
    return result
  }
  const forget = (digest?: string) => {
    for (const cache of [known, unknown, pending]) {
      if (digest === undefined) cache.clear()
      else cache.delete(digest)
    }
  }
  return Object.assign(find, { forget })
}

interface KnownKey {
  readonly client: Client
  /** When the key is looked up again, by the monotonic clock. */
  readonly due: number
}

const DEFAULTS = { maxAge: 60_000, maxStaleAge: 0, unknownMaxAge: 5_000, maxKeys: 10_000, timeout: 2_000 }
const OPTIONS = [...Object.keys(DEFAULTS), 'clock']

function readOptions(options: CacheOptions): Required<CacheOptions> {
  const { clock = systemClock, ...numbers } = options
  const read = { ...DEFAULTS, ...numbers }
  for (const [name, value] of Object.entries(read)) {
    if (!Object.hasOwn(DEFAULTS, name)) throw unknownOption('a cached lookup', name, OPTIONS)
    const min = name.endsWith('Age') ? 0 : 1
    if (!Number.isFinite(value) || value < min)
      throw new OptionRangeError([name], `'${name}' must be a finite number of at least ${min}, not ${value}`)
  }
  return { ...read, clock }
}

/** A least-recently-used cache, bounded in size and age. */
class LruCache<Value> {
  readonly #maxSize: number
  readonly #clock: Pick<Clock, 'now'>
  readonly #entries = new Map<string, { readonly value: Value; readonly until: number }>()

  constructor(maxSize: number, clock: Pick<Clock, 'now'>) {
    this.#maxSize = maxSize
    this.#clock = clock
  }

  get(key: string): Value | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    // A Map keeps the order of insertion, so the first entry is the least recently used.
    this.#entries.delete(key)
    if (this.#clock.now() >= entry.until) return undefined
    this.#entries.set(key, entry)
    return entry.value
  }

  add(key: string, value: Value, maxAgeMs: number): void {
    this.#entries.delete(key)
    this.#entries.set(key, { value, until: this.#clock.now() + maxAgeMs })
    const [oldest] = this.#entries.keys()
    if (this.#entries.size > this.#maxSize && oldest !== undefined) this.#entries.delete(oldest)
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }

  clear(): void {
    this.#entries.clear()
  }
}

/** Returns the result of a promise; rejects after a timeout. */
function withTimeout<Value>(promise: Promise<Value>, timeoutMs: number): Promise<Value> {
  return new Promise((resolve, reject) => {
    const timer = systemTimers.start(() => reject(new Error(`no response within ${timeoutMs} ms`)), timeoutMs)
    promise.then(resolve, reject).finally(() => systemTimers.stop(timer))
  })
}
