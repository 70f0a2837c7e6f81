import { isDeepStrictEqual } from 'node:util'
import type { Limit } from '../limits/limit.js'
import { type MaybePromise, toMaybePromise } from '../maybe-promise.js'
import type { Client } from '../rules/client.js'
import { isCallerError } from '../stores/caller-error.js'
import type { Decision, Quota } from './decision.js'
import type { LimiterEvent, LimiterListener } from './event.js'
import type { PermitListener, TakenCharge } from './permit.js'

/** Maximum number of clients whose last tier is remembered. */
const MAX_CLIENTS = 10_000
/** Maximum number of tiers whose last limits are remembered. */
const MAX_TIERS = 100

/** Emits the events of a limiter to its listener. A limiter without a listener has no emitter. */
export class LimiterEvents<Request> {
  readonly #tiers = new LastValues<string, string | undefined>(MAX_CLIENTS)
  /** The last limit of each rule, by tier. */
  readonly #limits = new Map<string | undefined, Map<string, Limit>>()
  /** Time at which the store failed, in milliseconds; undefined while it works. */
  #failedSince: number | undefined

  constructor(private readonly listener: LimiterListener<Request>) {}

  /** Calls the store and reports a failure. */
  watchStore<T>(call: () => MaybePromise<T>): MaybePromise<T> {
    try {
      const result = call()
      if (result instanceof Promise) result.catch((error: unknown) => this.#onStoreError(error))
      return result
    } catch (error) {
      this.#onStoreError(error)
      throw error
    }
  }

  #onStoreError(cause: unknown): void {
    if (!isCallerError(cause)) this.#onStoreFailed({ type: 'store-failed', cause })
  }

  #onStoreFailed(event: LimiterEvent<Request> & { readonly type: 'store-failed' }): void {
    if (this.#failedSince !== undefined) return
    this.#failedSince = performance.now()
    this.#emit(event)
  }

  #onStoreResponse(): void {
    if (this.#failedSince === undefined) return
    this.#emit({ type: 'store-recovered', lost: performance.now() - this.#failedSince })
    this.#failedSince = undefined
  }

  /** @param took the duration of the decision in milliseconds */
  onDecision(request: Request, client: Client | undefined, decision: Decision, took: number): void {
    if (decision.degraded !== undefined)
      this.#onStoreFailed({ type: 'store-failed', degraded: decision.degraded })
    else this.#onStoreResponse()
    if (client !== undefined) this.#recordTier(client)
    const limits = this.#limitsOf(client?.tier)
    const { quotas, degraded } = decision
    for (const quota of quotas) {
      this.#recordLimit(limits, quota, client?.tier)
      if (!quota.enforced && !quota.allowed) this.#emit({ type: 'shadow-refused', request, client, quota })
    }
    // The event is built without a spread, because every request allocates one.
    const event = decision.allowed
      ? ({ type: 'allowed', request, client, quotas, took } as const)
      : ({ type: 'refused', request, client, quotas, took, refusal: decision.refusal } as const)
    this.#emit(degraded === undefined ? event : { ...event, degraded })
  }

  /** Returns a listener that emits the events of one permit. */
  permitListener(taken: readonly TakenCharge[]): Required<PermitListener> {
    const startedAt = taken.some(({ charge }) => charge.lease !== undefined) ? performance.now() : 0
    return {
      onSettled: ({ rule, resource, charge }, cost) =>
        this.#emit({ type: 'settled', rule, resource, key: charge.key, taken: charge.cost, cost }),
      onReleased: (slots) => {
        const held = performance.now() - startedAt
        for (const { rule, resource, charge } of slots)
          this.#emit({ type: 'released', rule, resource, key: charge.key, slots: charge.cost, held })
      },
    }
  }

  #recordTier({ id, tier }: Client): void {
    const previous = this.#tiers.replace(id, tier)
    if (previous !== undefined && previous.value !== tier)
      this.#emit({ type: 'tier-changed', client: id, from: previous.value, to: tier })
  }

  #limitsOf(tier: string | undefined): Map<string, Limit> {
    let limits = this.#limits.get(tier)
    if (limits === undefined) {
      limits = new Map()
      this.#limits.set(tier, limits)
      if (this.#limits.size > MAX_TIERS) this.#limits.delete(this.#limits.keys().next().value)
    }
    return limits
  }

  #recordLimit(limits: Map<string, Limit>, { rule, limit }: Quota, tier: string | undefined): void {
    const previous = limits.get(rule)
    if (previous === limit) return
    limits.set(rule, limit)
    if (previous !== undefined && !isDeepStrictEqual(previous, limit))
      this.#emit({ type: 'limit-changed', rule, tier, from: previous, to: limit })
  }

  #emit(event: LimiterEvent<Request>): void {
    // A listener that throws must not fail the request, and one that rejects must not crash the
    // process.
    try {
      const returned: unknown = toMaybePromise<unknown>(this.listener(event))
      if (returned instanceof Promise) returned.catch(() => {})
    } catch {}
  }
}

/** The last value of each key, for the most recently used keys. */
class LastValues<Key, Value> {
  readonly #values = new Map<Key, Value>()

  constructor(private readonly maxSize: number) {}

  /** Stores the value of a key and returns the previous one; undefined for an unknown key. */
  replace(key: Key, value: Value): { readonly value: Value } | undefined {
    const previous = this.#values.has(key) ? { value: this.#values.get(key) as Value } : undefined
    this.#values.delete(key)
    this.#values.set(key, value)
    if (this.#values.size > this.maxSize) this.#values.delete(this.#values.keys().next().value as Key)
    return previous
  }
}
