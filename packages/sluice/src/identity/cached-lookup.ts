import { OptionRangeError, unknownOption } from '../option-error.js'
import { type Client, checkClient } from '../rules/client.js'
import { type Clock, systemClock } from '../time/clock.js'
import { systemTimers } from '../time/timers.js'
import type { KeyLookup } from './api-keys.js'
import { IdentityUnavailableError } from './identity-unavailable.js'

export interface CacheOptions {
  /**
   * Time that a known key is cached, in milliseconds. A revoked key stays valid for up to this
   * long. Default 60,000.
   */
  readonly maxAge?: number
  /** Time that an unknown key is cached, in milliseconds. Default 5,000. */
  readonly unknownMaxAge?: number
  /**
   * Maximum number of known keys in the cache, and separately of unknown keys. The least recently
   * used key of the same kind is evicted, so made-up keys never evict known ones. Default 10,000.
   */
  readonly maxKeys?: number
  /** Timeout of a lookup in milliseconds. Default 2,000. */
  readonly timeout?: number
  readonly clock?: Pick<Clock, 'now'>
}

/**
 * Caches the clients of keys, so that a database is not queried for every request. Concurrent
 * requests with the same key share one lookup. If the lookup fails or times out, they all fail with
 * IdentityUnavailableError (503), and the failure is not cached.
 *
 * @param lookup receives the key's SHA-256 in hexadecimal, which is what a database should store
 * @throws TypeError, RangeError for options that are unknown or out of range
 */
export function cachedLookup(
  lookup: (digest: string) => Promise<Client | string | undefined | null>,
  options: CacheOptions = {},
): KeyLookup {
  const { maxAge, unknownMaxAge, maxKeys, timeout, clock } = readOptions(options)
  const known = new LruCache<Client>(maxKeys, maxAge, clock)
  const unknown = new LruCache<true>(maxKeys, unknownMaxAge, clock)
  const pending = new Map<string, Promise<Client | undefined>>()

  const query = async (digest: string): Promise<Client | undefined> => {
    let found: Awaited<ReturnType<typeof lookup>>
    try {
      found = await withTimeout(lookup(digest), timeout)
    } catch (cause) {
      throw new IdentityUnavailableError({ cause })
    }
    if (found === undefined || found === null) {
      unknown.add(digest, true)
      return undefined
    }
    const client = checkClient(found)
    known.add(digest, client)
    return client
  }

  return (digest) => {
    const client = known.get(digest)
    if (client !== undefined) return client
    if (unknown.get(digest)) return undefined
    const shared = pending.get(digest)
    if (shared !== undefined) return shared
    const result = query(digest)
    pending.set(digest, result)
    const onSettled = () => pending.delete(digest)
    result.then(onSettled, onSettled)
    return result
  }
}

const DEFAULTS = { maxAge: 60_000, unknownMaxAge: 5_000, maxKeys: 10_000, timeout: 2_000 }
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
  readonly #maxAgeMs: number
  readonly #clock: Pick<Clock, 'now'>
  readonly #entries = new Map<string, { readonly value: Value; readonly until: number }>()

  constructor(maxSize: number, maxAgeMs: number, clock: Pick<Clock, 'now'>) {
    this.#maxSize = maxSize
    this.#maxAgeMs = maxAgeMs
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

  add(key: string, value: Value): void {
    this.#entries.delete(key)
    this.#entries.set(key, { value, until: this.#clock.now() + this.#maxAgeMs })
    const [oldest] = this.#entries.keys()
    if (this.#entries.size > this.#maxSize && oldest !== undefined) this.#entries.delete(oldest)
  }
}

/** Returns the result of a promise; rejects after a timeout. */
function withTimeout<Value>(promise: Promise<Value>, timeoutMs: number): Promise<Value> {
  return new Promise((resolve, reject) => {
    const timer = systemTimers.start(() => reject(new Error(`no response within ${timeoutMs} ms`)), timeoutMs)
    promise.then(resolve, reject).finally(() => systemTimers.stop(timer))
  })
}
