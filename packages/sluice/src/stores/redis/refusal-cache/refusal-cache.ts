import type { Limit } from '../../../limits/limit.js'
import type { StoreVerdict } from '../../store.js'

/** The store's verdict on one charge of a refused request. The charge took nothing. */
export interface CachedRefusal {
  readonly limit: Limit
  readonly cost: number
  readonly verdict: StoreVerdict
  /** Times at which the query was sent and its response arrived. The store decided in between. */
  readonly requestedAt: number
  readonly receivedAt: number
  /**
   * True if a request is refreshing this entry. Until its response arrives, others use the entry.
   */
  isRefreshing: boolean
}

interface CacheEntry {
  /** Undefined after an invalidation. */
  readonly refusal: CachedRefusal | undefined
  /** Version of the last change to the key by this process. */
  readonly version: number
}

type Generation = Map<string, Map<string, CacheEntry>>

/**
 * Maximum number of keys per generation. Further keys are not cached, so each of their requests
 * queries the store.
 */
const MAX_KEYS = 16_384

/**
 * Caches recent verdicts by key. Times are milliseconds of a monotonic clock.
 *
 * A response to a query that was sent before its key was invalidated is not cached. The cache
 * consists of two generations, so that expired entries are dropped without a search.
 */
export class RefusalCache {
  #young: Generation = new Map()
  #old: Generation = new Map()
  #keys = 0
  #oldKeys = 0
  #youngSince = Number.NEGATIVE_INFINITY
  #version = 0
  /** Version of the last `clear`. */
  #clearedAt = 0

  /** `maxAgeMs` is the longest age of an entry, counted from its query. */
  constructor(private readonly maxAgeMs: number) {}

  get isEmpty(): boolean {
    return this.#keys + this.#oldKeys === 0
  }

  /** Increases with every change. Each query records the version at which it was sent. */
  get version(): number {
    return this.#version
  }

  get(scope: string, key: string, now: number): CachedRefusal | undefined {
    const refusal = this.#entry(scope, key)?.refusal
    return refusal !== undefined && now - refusal.requestedAt < this.maxAgeMs ? refusal : undefined
  }

  /** Adds an entry, unless the key has changed since `version`, the version of the query. */
  set(scope: string, key: string, refusal: CachedRefusal, version: number): void {
    const { requestedAt, receivedAt } = refusal
    if (receivedAt - requestedAt >= this.maxAgeMs || version < this.#clearedAt) return
    const changed = this.#entry(scope, key)?.version ?? 0
    if (version < changed) return
    this.#rotate(receivedAt)
    if (this.#keys < MAX_KEYS) this.#put(scope, key, { refusal, version: changed })
  }

  /** Removes the entry of a key that has changed or is about to change. */
  invalidate(scope: string, key: string, now: number): void {
    this.#version++
    this.#rotate(now)
    if (this.#keys < MAX_KEYS) this.#put(scope, key, { refusal: undefined, version: this.#version })
    else this.clear()
  }

  clear(): void {
    this.#clearedAt = ++this.#version
    this.#young = new Map()
    this.#old = new Map()
    this.#keys = 0
    this.#oldKeys = 0
  }

  #entry(scope: string, key: string): CacheEntry | undefined {
    return this.#young.get(scope)?.get(key) ?? this.#old.get(scope)?.get(key)
  }

  #put(scope: string, key: string, entry: CacheEntry): void {
    let keys = this.#young.get(scope)
    if (keys === undefined) {
      keys = new Map()
      this.#young.set(scope, keys)
    }
    if (!keys.has(key)) this.#keys++
    keys.set(key, entry)
  }

  /** Drops the old generation once all its entries have expired. */
  #rotate(now: number): void {
    if (now - this.#youngSince < this.maxAgeMs) return
    this.#old = this.#young
    this.#oldKeys = this.#keys
    this.#young = new Map()
    this.#keys = 0
    this.#youngSince = now
  }
}
