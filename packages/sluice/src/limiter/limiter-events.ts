import { isDeepStrictEqual } from 'node:util'
import type { Limit } from '../limits/limit.js'
import { type MaybePromise, toMaybePromise } from '../maybe-promise.js'
import type { Client } from '../rules/client.js'
import { isCallerError } from '../stores/caller-error.js'
import { PreparedDecision } from './allowed-decision.js'
import type { ScopedRule } from './charges.js'
import type { Decision, Quota } from './decision.js'
import type { LimiterEvent, LimiterListener } from './event.js'
import type { AdmittedCharge } from './permit.js'
import { AnnouncedThresholds, type QuotaWarning, thresholdId } from './warning.js'

/** Maximum number of clients whose last tier is remembered. */
const MAX_CLIENTS = 10_000
/** Maximum number of tiers whose last limits are remembered. */
const MAX_TIERS = 100

/** Emits the events of a limiter to its listener. A limiter without a listener has no emitter. */
export class LimiterEvents<Request> {
  readonly #tiers = new LastValues<string, string | undefined>(MAX_CLIENTS)
  /** The last limit of each rule, by tier. */
  readonly #limits = new Map<string | undefined, Map<string, Limit>>()
  /** The limits of the last prepared decision, by tier. */
  readonly #lastLimits = new Map<string | undefined, PreparedDecision['limits']>()
  /** When the store failed, in milliseconds; undefined while it works. */
  #failedSince: number | undefined

  readonly #announced = new AnnouncedThresholds()
  readonly #rules: ReadonlyMap<string, ScopedRule<Request>>

  constructor(
    private readonly listener: LimiterListener<Request>,
    rules: readonly ScopedRule<Request>[],
  ) {
    this.#rules = new Map(rules.map((rule) => [rule.name, rule]))
  }

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
    if (decision instanceof PreparedDecision) {
      // All of its charges fit, so no shadow rule would have refused.
      this.#recordLimits(decision, client?.tier)
      this.#emit(new AllowedEvent(request, client, decision, took))
      return
    }
    this.#lastLimits.delete(client?.tier)
    const limits = this.#limitsOf(client?.tier)
    const { quotas, degraded } = decision
    for (const quota of quotas) {
      this.#recordLimit(limits, quota.rule, quota.limit, client?.tier)
      if (!quota.enforced && !quota.allowed) this.#emit({ type: 'shadow-refused', request, client, quota })
      if (quota.overrun !== undefined && decision.allowed && quota.cost > 0)
        this.#emit({ type: 'soft-exceeded', request, client, quota })
      if (quota.warning !== undefined) this.onWarning(quota, quota.warning)
    }
    const event = decision.allowed
      ? ({ type: 'allowed', request, client, quotas, took } as const)
      : ({ type: 'refused', request, client, quotas, took, refusal: decision.refusal } as const)
    this.#emit(degraded === undefined ? event : { ...event, degraded })
  }

  /** Emits the thresholds that a key has reached and that this process has not announced. */
  onWarning({ rule: name, key, limit }: Pick<Quota, 'rule' | 'key' | 'limit'>, warning: QuotaWarning): void {
    const { scope, resource, warnings } = this.#rules.get(name) as ScopedRule<Request>
    const { used, start, reset } = warning
    for (const threshold of this.#announced.add(scope, key, warning, warnings?.thresholds ?? [])) {
      const id = thresholdId(scope, key, start, threshold)
      this.#emit({ type: 'threshold', id, rule: name, resource, key, limit, threshold, used, start, reset })
    }
  }

  /**
   * @param taken what was charged before
   * @param cost the actual cost
   */
  onSettled({ rule, key }: AdmittedCharge, taken: number, cost: number): void {
    this.#emit({ type: 'settled', rule: rule.name, resource: rule.resource, key, taken, cost })
  }

  onExtended({ rule, key }: AdmittedCharge, cost: number): void {
    this.#emit({ type: 'extended', rule: rule.name, resource: rule.resource, key, cost })
  }

  onExhausted({ rule, key, limit }: AdmittedCharge, cost: number): void {
    this.#emit({ type: 'exhausted', rule: rule.name, resource: rule.resource, key, limit, cost })
  }

  onReleased({ rule, key, cost }: AdmittedCharge, held: number): void {
    this.#emit({ type: 'released', rule: rule.name, resource: rule.resource, key, slots: cost, held })
  }

  #recordTier({ id, tier }: Client): void {
    const previous = this.#tiers.replace(id, tier)
    if (previous !== undefined)
      this.#emit({ type: 'tier-changed', client: id, from: previous.value, to: tier })
  }

  #recordLimits({ source, limits }: PreparedDecision, tier: string | undefined): void {
    // Decisions under equal limits share one list of limits.
    if (this.#lastLimits.get(tier) === limits) return
    if (this.#lastLimits.size >= MAX_TIERS) this.#lastLimits.clear()
    this.#lastLimits.set(tier, limits)
    const known = this.#limitsOf(tier)
    for (const [index, { name }] of source.rules.entries()) {
      const limit = limits[index]
      if (limit !== undefined) this.#recordLimit(known, name, limit, tier)
    }
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

  #recordLimit(limits: Map<string, Limit>, rule: string, limit: Limit, tier: string | undefined): void {
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

/** An event whose quotas are computed when they are read. */
class AllowedEvent<Request> {
  readonly type = 'allowed'
  // Private, so that logs do not print the limiter and the event can be cloned.
  readonly #decision: Pick<Decision, 'quotas'>

  constructor(
    readonly request: Request,
    readonly client: Client | undefined,
    decision: Pick<Decision, 'quotas'>,
    readonly took: number,
  ) {
    this.#decision = decision
  }

  get quotas(): readonly Quota[] {
    return this.#decision.quotas
  }

  toJSON(): object {
    const { type, request, client, quotas, took } = this
    return { type, request, client, quotas, took }
  }
}

/** The last value of each key, for at least the `maxSize` most recently used keys. */
class LastValues<Key, Value> {
  // A full map becomes the older one, so that a key in use is not moved for each request.
  #recent = new Map<Key, Value>()
  #older = new Map<Key, Value>()

  constructor(private readonly maxSize: number) {}

  /** Stores the value of a key. Returns the previous value if it is known and differs. */
  replace(key: Key, value: Value): { readonly value: Value } | undefined {
    const latest = this.#recent.get(key)
    // Most keys keep their value, and one lookup finds it.
    if (latest !== undefined && latest === value) return undefined
    const known = this.#recent.has(key) ? this.#recent : this.#older
    const previous = known.get(key) as Value
    const isChanged = known.has(key) && previous !== value
    if (isChanged || known !== this.#recent) {
      if (this.#recent.size >= this.maxSize && !this.#recent.has(key)) {
        this.#older = this.#recent
        this.#recent = new Map()
      }
      this.#recent.set(key, value)
    }
    return isChanged ? { value: previous } : undefined
  }
}
