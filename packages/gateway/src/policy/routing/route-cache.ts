import { BoundedCache } from 'sluice/internal'

/** Targets that are remembered, and the longest of them: a client that makes up paths must not fill the memory with them. */
const MAX_TARGETS = 1000
const MAX_TARGET = 128

/**
 * Remembers what was found for the request targets that came lately. They are mostly few and come again, and to look one up costs a third of
 * reading and routing it anew.
 */
export class RouteCache<T extends object> {
  readonly #find: (method: string, url: string) => T
  readonly #byMethod = new Map<string, BoundedCache<string, T>>()

  /** @param find says the same each time it is asked the same; what it throws is thrown on */
  constructor(find: (method: string, url: string) => T) {
    this.#find = find
  }

  /**
   * @param method as Node gives it, which knows a few dozen
   * @param url the request target as it came
   */
  of(method: string, url: string): T {
    return this.#byMethod.get(method)?.get(url) ?? this.#remember(method, url)
  }

  #remember(method: string, url: string): T {
    const found = this.#find(method, url)
    // Queries seldom come again.
    if (url.length > MAX_TARGET || url.includes('?')) return found
    const ofMethod = this.#byMethod.get(method) ?? new BoundedCache<string, T>(MAX_TARGETS)
    ofMethod.set(url, found)
    this.#byMethod.set(method, ofMethod)
    return found
  }
}
