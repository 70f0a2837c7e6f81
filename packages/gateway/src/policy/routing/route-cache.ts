import { BoundedCache } from 'sluice/internal'

/**
 * Maximum number of cached targets per method, and their maximum length. Clients can invent paths.
 */
const MAX_TARGETS = 1000
const MAX_TARGET_LENGTH = 128

/**
 * Caches the result of routing recent targets. Targets repeat, and reading the cache takes a third
 * of the time needed to parse and route them again.
 */
export class RouteCache<T extends object> {
  readonly #find: (method: string, url: string) => T
  readonly #byMethod = new Map<string, BoundedCache<string, T>>()

  /** @param find a pure function; its errors propagate */
  constructor(find: (method: string, url: string) => T) {
    this.#find = find
  }

  /**
   * Returns the result for a target, from the cache if possible.
   *
   * @param method as Node reports it: one of a few dozen
   * @param url the request target as received
   */
  of(method: string, url: string): T {
    return this.#byMethod.get(method)?.get(url) ?? this.#findAndCache(method, url)
  }

  #findAndCache(method: string, url: string): T {
    const found = this.#find(method, url)
    // Queries rarely repeat.
    if (url.length > MAX_TARGET_LENGTH || url.includes('?')) return found
    const ofMethod = this.#byMethod.get(method) ?? new BoundedCache<string, T>(MAX_TARGETS)
    ofMethod.set(url, found)
    this.#byMethod.set(method, ofMethod)
    return found
  }
}
