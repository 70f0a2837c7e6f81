import { isDeepStrictEqual } from 'node:util'
import type { Limit } from '../limits/limit.js'
import { type MaybePromise, toMaybePromise } from '../maybe-promise.js'
import type { Client } from '../rules/client.js'
import { isCallerError } from '../stores/caller-error.js'
import type { Decision, Quota } from './decision.js'
import { LastSeen } from './last-seen.js'
import type { LimiterEvent, LimiterListener } from './limiter-event.js'
import type { PermitListener, TakenCharge } from './permit.js'

/** Clients whose tier is remembered; and tiers of which the limits are. */
const MAX_CLIENTS = 10_000
const MAX_TIERS = 100

/** Makes events of what a limiter does. There is none where nobody listens. */
export class EventSource<Request> {
  readonly #tiers = new LastSeen<string, string | undefined>(MAX_CLIENTS)
  /** The limits of each rule, by tier. */
  readonly #limits = new Map<string | undefined, Map<string, Limit>>()

  constructor(private readonly listener: LimiterListener<Request>) {}

  /** When the store was lost, in milliseconds; undefined while it answers. */
  #lostSince: number | undefined

  /** Asks the store for a decision; what becomes of it is told. */
  watched<T>(ask: () => MaybePromise<T>): MaybePromise<T> {
    try {
      const answer = ask()
      if (answer instanceof Promise) answer.catch((error: unknown) => this.#storeThrew(error))
      return answer
    } catch (error) {
      this.#storeThrew(error)
      throw error
    }
  }

  #storeThrew(cause: unknown): void {
    if (!isCallerError(cause)) this.#storeFailed({ type: 'store-failed', cause })
  }

  #storeFailed(event: LimiterEvent<Request> & { readonly type: 'store-failed' }): void {
    if (this.#lostSince !== undefined) return
    this.#lostSince = performance.now()
    this.#tell(event)
  }

  #storeAnswered(): void {
    if (this.#lostSince === undefined) return
    this.#tell({ type: 'store-recovered', lost: performance.now() - this.#lostSince })
    this.#lostSince = undefined
  }

  /** @param took in milliseconds */
  decided(request: Request, client: Client | undefined, decision: Decision, took: number): void {
    if (decision.degraded !== undefined)
      this.#storeFailed({ type: 'store-failed', degraded: decision.degraded })
    else this.#storeAnswered()
    if (client !== undefined) this.#seeTier(client)
    const limits = this.#limitsOf(client?.tier)
    const { quotas, degraded } = decision
    for (const quota of quotas) {
      this.#seeLimit(limits, quota, client?.tier)
      if (!quota.enforced && !quota.allowed) this.#tell({ type: 'shadow-refused', request, client, quota })
    }
    // Written out: this is made for every request.
    const event = decision.allowed
      ? ({ type: 'allowed', request, client, quotas, took } as const)
      : ({ type: 'refused', request, client, quotas, took, refusal: decision.refusal } as const)
    this.#tell(degraded === undefined ? event : { ...event, degraded })
  }

  /** What becomes of a permit from now on. */
  permit(taken: readonly TakenCharge[]): Required<PermitListener> {
    const begun = taken.some(({ charge }) => charge.lease !== undefined) ? performance.now() : 0
    return {
      settled: ({ rule, resource, charge }, cost) =>
        this.#tell({ type: 'settled', rule, resource, key: charge.key, taken: charge.cost, cost }),
      released: (slots) => {
        const held = performance.now() - begun
        for (const { rule, resource, charge } of slots)
          this.#tell({ type: 'released', rule, resource, key: charge.key, slots: charge.cost, held })
      },
    }
  }

  #seeTier({ id, tier }: Client): void {
    const before = this.#tiers.replace(id, tier)
    if (before !== undefined && before.value !== tier)
      this.#tell({ type: 'tier-changed', client: id, from: before.value, to: tier })
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

  #seeLimit(limits: Map<string, Limit>, { rule, limit }: Quota, tier: string | undefined): void {
    const before = limits.get(rule)
    if (before === limit) return
    limits.set(rule, limit)
    if (before !== undefined && !isDeepStrictEqual(before, limit))
      this.#tell({ type: 'limit-changed', rule, tier, from: before, to: limit })
  }

  #tell(event: LimiterEvent<Request>): void {
    // As documented: who listens cannot break a request, and an asynchronous listener cannot end the process.
    try {
      const told: unknown = toMaybePromise<unknown>(this.listener(event))
      if (told instanceof Promise) told.catch(() => {})
    } catch {}
  }
}
