import { sameLimit } from '../../../limits/limit.js'
import { andThen, type MaybePromise } from '../../../maybe-promise.js'
import type { Clock } from '../../../time/clock.js'
import { allEnforcedFit, refuses } from '../../enforcement.js'
import { type Charge, checkCharge, type Settlement, type Store, type StoreVerdict } from '../../store.js'
import { extrapolate } from './extrapolate.js'
import { type CachedRefusal, RefusalCache } from './refusal-cache.js'

export interface RefusalCachingOptions {
  /** Maximum age of a refusal that is reused, in milliseconds since its query was sent. */
  readonly maxAgeMs: number
  readonly clock: Pick<Clock, 'now'>
}

/** A store whose `take` may be synchronous. */
export type RefusalCachingStore<S extends Store> = {
  [Operation in keyof Store]: Operation extends 'take' ? Store['take'] : S[Operation]
}

/**
 * Adds a cache of refusals to a store, so that repeated requests of a refused client are refused
 * without a query.
 *
 * A request is refused from the cache under two conditions. First, a cached verdict that is at most
 * `maxAgeMs` old implies that one of its enforced charges cannot fit unless there was a refund.
 * Second, the verdicts on its other charges also follow from the cache. The cache never admits a
 * request, so every bound still holds. A `peek`, a cost of 0, and a request that is refused only
 * for lack of slots always go to the store. So does a request that a rule with a penalty counts.
 *
 * After half of `maxAgeMs`, one request goes to the store while the others still use the cache.
 * Otherwise all requests in flight would query the store together when an entry expires.
 *
 * Settlements and resets through this store invalidate the cache immediately. Those by other
 * processes take effect within `maxAgeMs`. Ages count from the time at which the query was sent, so
 * the cache never refuses a request for longer than the store would, regardless of the clocks.
 */
export function cacheRefusals<S extends Store>(
  store: S,
  options: RefusalCachingOptions,
): RefusalCachingStore<S> {
  return new CachingStore(store, options) as RefusalCachingStore<S>
}

/** Rounding error allowed in computed times, in milliseconds. */
const EPSILON = 1e-6

class CachingStore<S extends Store> implements Store {
  readonly #cache: RefusalCache
  readonly #clock: Pick<Clock, 'now'>
  readonly #refreshAgeMs: number

  constructor(
    private readonly store: S,
    { maxAgeMs, clock }: RefusalCachingOptions,
  ) {
    this.#cache = new RefusalCache(maxAgeMs)
    this.#refreshAgeMs = maxAgeMs / 2
    this.#clock = clock
  }

  take(charges: readonly Charge[]): MaybePromise<StoreVerdict[]> {
    const requestedAt = this.#clock.now()
    const cached = this.#cache.isEmpty ? undefined : this.#lookUp(charges, requestedAt)
    if (cached !== undefined) return cached
    const { version } = this.#cache
    return andThen(this.store.take(charges), (verdicts) => {
      this.#record(charges, verdicts, requestedAt, version)
      return verdicts
    })
  }

  peek(charges: readonly Charge[]): ReturnType<S['peek']> {
    return this.store.peek(charges) as ReturnType<S['peek']>
  }

  settle(settlements: readonly Settlement[]): ReturnType<S['settle']> {
    const invalidate = () => {
      for (const { charge } of settlements) this.#invalidate(charge)
    }
    return withInvalidation(invalidate, () => this.store.settle(settlements) as ReturnType<S['settle']>)
  }

  reset(scope: string, key: string): ReturnType<S['reset']> {
    const invalidate = () => this.#invalidate({ scope, key })
    return withInvalidation(invalidate, () => this.store.reset(scope, key) as ReturnType<S['reset']>)
  }

  close(): ReturnType<S['close']> {
    this.#cache.clear()
    return this.store.close() as ReturnType<S['close']>
  }

  #invalidate({ scope, key }: Pick<Charge, 'scope' | 'key'>): void {
    this.#cache.invalidate(scope, key, this.#clock.now())
  }

  /**
   * Returns the verdicts on a request that is still refused, or undefined if the store must be
   * queried.
   */
  #lookUp(charges: readonly Charge[], now: number): StoreVerdict[] | undefined {
    let isRefused = false
    let stale: CachedRefusal | undefined
    const verdicts: StoreVerdict[] = []
    for (let index = 0; index < charges.length; index++) {
      const charge = charges[index] as Charge
      // The request may start a penalty, and the end of one does not follow from a verdict.
      if (charge.penalty !== undefined) return undefined
      const refusal = this.#cache.get(charge.scope, charge.key, now)
      if (refusal === undefined) return undefined
      if (now - refusal.requestedAt >= this.#refreshAgeMs && !refusal.isRefreshing) stale = refusal
      const verdict = currentVerdict(refusal, charge, now)
      if (verdict === undefined || hasEarlierCharge(charges, index)) return undefined
      if (refuses(charge, verdict)) isRefused = true
      verdicts.push(verdict)
    }
    if (!isRefused || !charges.every(isCountable)) return undefined
    if (stale === undefined) return verdicts
    stale.isRefreshing = true
    return undefined
  }

  #record(
    charges: readonly Charge[],
    verdicts: readonly StoreVerdict[],
    requestedAt: number,
    version: number,
  ): void {
    if (allEnforcedFit(charges, verdicts)) {
      this.#invalidateTaken(charges, requestedAt)
      return
    }
    const receivedAt = this.#clock.now()
    charges.forEach(({ scope, key, limit, cost, penalty }, index) => {
      if (penalty !== undefined) return
      const verdict = verdicts[index] as StoreVerdict
      const refusal = { limit, cost, verdict, requestedAt, receivedAt, isRefreshing: false }
      this.#cache.set(scope, key, refusal, version)
    })
  }

  /** Invalidates keys from which an admitted request has taken. */
  #invalidateTaken(charges: readonly Charge[], now: number): void {
    if (this.#cache.isEmpty) return
    for (const charge of charges)
      if (charge.cost > 0 && this.#cache.get(charge.scope, charge.key, now) !== undefined)
        this.#invalidate(charge)
  }
}

/** Returns the verdict on a charge now, or undefined if it does not follow from the cached one. */
function currentVerdict(
  refusal: CachedRefusal,
  { limit, cost }: Charge,
  now: number,
): StoreVerdict | undefined {
  if (!sameLimit(refusal.limit, limit)) return undefined
  const { verdict, requestedAt, receivedAt } = refusal
  // Reported times count from the response, so that no client retries too early. The store may have
  // decided as soon as the query was sent, so the store is queried once the remaining `retryAfter`
  // is no longer than the round trip.
  const current = extrapolate(limit, verdict, refusal.cost, now - receivedAt, cost)
  if (current === undefined || (!current.allowed && current.retryAfter <= receivedAt - requestedAt + EPSILON))
    return undefined
  return {
    allowed: current.allowed,
    at: current.at,
    remaining: current.remaining,
    resetAfter: current.resetAfter,
    retryAfter: current.retryAfter,
    moreAfter: current.moreAfter,
    remembered: true,
  }
}

/** Makes a change and invalidates the cache before and after it. */
function withInvalidation<T>(invalidate: () => void, change: () => T): T {
  invalidate()
  const changed = change()
  return (changed instanceof Promise ? changed.finally(invalidate) : changed) as T
}

/** Reports whether an earlier charge has the same key; the store judges such charges together. */
function hasEarlierCharge(charges: readonly Charge[], index: number): boolean {
  const { scope, key } = charges[index] as Charge
  for (let earlier = 0; earlier < index; earlier++) {
    const other = charges[earlier] as Charge
    if (other.key === key && other.scope === scope) return true
  }
  return false
}

/** Reports whether a charge is valid. The store rejects an invalid one. */
function isCountable(charge: Charge): boolean {
  try {
    checkCharge(charge)
    return true
  } catch {
    return false
  }
}
