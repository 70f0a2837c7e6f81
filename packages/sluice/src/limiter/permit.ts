import { suggestThenList } from '../did-you-mean.js'
import { checkCost } from '../limits/check-limit.js'
import { andThen } from '../maybe-promise.js'
import type { Resource } from '../rules/rule.js'
import {
  type Charge,
  type MaybePromise,
  type Store,
  type StoreVerdict,
  settlementOf,
} from '../stores/store.js'

/** A charge that was taken for a request, and the verdict on it. */
export interface TakenCharge {
  /** The rule's name. */
  readonly rule: string
  readonly resource: Resource
  readonly charge: Charge
  readonly verdict: StoreVerdict
}

/** Observes a permit. */
export interface PermitListener {
  /** Called for each settled charge with its actual cost. */
  onSettled?(taken: TakenCharge, cost: number): void
  /** Called once, after the slots have been freed. */
  onReleased?(slots: readonly TakenCharge[]): void
}

/** Renews permits until they are released. */
export interface Renewal {
  start(permit: Permit, leaseMs: number): void
  stop(permit: Permit): void
}

/**
 * The charges and slots of an admitted request. Settle it with the actual cost, and release it when
 * the request ends, in either order. Both calls are idempotent.
 *
 *     using permit = decision.permit
 *     const completion = await model.complete(prompt)
 *     permit.settle({ tokens: completion.usage.total_tokens })
 */
export class Permit {
  readonly #store: Store
  readonly #renewal: Renewal
  readonly #slots: readonly TakenCharge[]
  readonly #listeners: readonly PermitListener[]
  /**
   * The resources that the rules of the limiter count. The permit can be settled with any of them,
   * whether or not the request was charged for it.
   */
  readonly resources: readonly Resource[]
  #unsettled: readonly TakenCharge[]
  #released = false

  constructor(
    store: Store,
    renewal: Renewal,
    taken: readonly TakenCharge[],
    resources: readonly Resource[],
    listeners: readonly PermitListener[] = [],
  ) {
    this.#store = store
    this.#renewal = renewal
    this.#listeners = listeners
    this.resources = resources
    this.#slots = taken.filter(({ charge }) => charge.lease !== undefined && charge.cost > 0)
    this.#unsettled = taken.filter(({ charge }) => charge.lease === undefined)
  }

  /** Reports whether the permit holds slots that must be released. */
  get holdsSlots(): boolean {
    return this.#slots.length > 0 && !this.#released
  }

  /**
   * Settles the actual cost of the request by resource: `settle({ tokens: 812 })`. If the actual
   * cost is lower, the difference is refunded while its window lasts. If it is higher, the
   * difference is charged even beyond the limit. Resources that the request was not charged for, or
   * that were settled before, are ignored.
   *
   * @throws TypeError for a resource that no rule of the limiter counts; TypeError, RangeError for
   *   a cost that is negative, not finite, or a fraction where the algorithm counts whole units. In
   *   that case nothing is settled.
   */
  settle(costs: Readonly<Partial<Record<Resource, number>>>): MaybePromise<void> {
    checkSettledResources(costs, this.resources)
    const settled = this.#unsettled.filter(({ resource }) => Object.hasOwn(costs, resource))
    if (settled.length === 0) return
    const settlements = settled.map((taken) =>
      settlementOf(taken.charge, taken.verdict, costs[taken.resource] as number),
    )
    for (const { charge, cost } of settlements) checkCost(charge.limit, cost)
    this.#unsettled = this.#unsettled.filter((taken) => !settled.includes(taken))
    for (const listener of this.#listeners)
      for (const taken of settled) listener.onSettled?.(taken, costs[taken.resource] as number)
    const changed = settlements.filter(({ charge, cost }) => cost !== charge.cost)
    if (changed.length > 0) return this.#store.settle(changed)
  }

  /** Releases the slots of the request. Its cost stays charged. */
  release(): MaybePromise<void> {
    if (!this.holdsSlots) return
    this.#released = true
    this.#renewal.stop(this)
    const settled = this.#store.settle(
      this.#slots.map(({ charge, verdict }) => settlementOf(charge, verdict, 0)),
    )
    return andThen(settled, () => {
      for (const listener of this.#listeners) listener.onReleased?.(this.#slots)
    })
  }

  /**
   * Refunds each charge into the window it was taken from and releases the slots, for a request
   * that never ran. Settled charges stay settled, and a charge whose window is over is not
   * refunded. Idempotent.
   */
  async cancel(): Promise<void> {
    const costs = Object.fromEntries(this.#unsettled.map(({ resource }) => [resource, 0]))
    await Promise.all([this.settle(costs), this.release()])
  }

  /** Extends the slots by one lease from now. */
  renew(): MaybePromise<void> {
    if (!this.holdsSlots) return
    return this.#store.settle(
      this.#slots.map(({ charge, verdict }) => settlementOf(charge, verdict, charge.cost)),
    )
  }

  /**
   * Renews the slots until they are released, however long the request runs. Use it only if
   * `release` is certain to be called. The adapters and the gateway use it, because they observe
   * the end of every connection.
   */
  keepRenewed(): void {
    if (!this.holdsSlots) return
    const leases = this.#slots.map(({ charge }) =>
      charge.limit.algorithm === 'concurrency' ? charge.limit.lease : 0,
    )
    this.#renewal.start(this, Math.min(...leases))
  }

  /** Releases at the end of the block: `using permit = …`. */
  [Symbol.dispose](): void {
    // If the store fails here, the slots are freed when their lease ends.
    try {
      const released = this.release()
      if (released instanceof Promise) released.catch(() => {})
    } catch {}
  }

  /** Releases at the end of the block and waits for the store: `await using permit = …`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.release()
  }
}

/**
 * @throws TypeError that names the first resource that no rule counts, and lists the counted
 *   resources.
 */
export function checkSettledResources(
  costs: Readonly<Partial<Record<Resource, number>>>,
  counted: readonly Resource[],
): void {
  const unknown = Object.keys(costs).find((resource) => !counted.includes(resource))
  if (unknown === undefined) return
  const choices = `the rules count ${[...new Set(counted)].join(', ') || 'nothing'}`
  throw new TypeError(`no rule counts '${unknown}'${suggestThenList(unknown, counted, choices)}`)
}
