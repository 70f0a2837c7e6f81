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

/** A charge that was taken for a request, and what may still be done about it. */
export interface TakenCharge {
  /** The rule's name. */
  readonly rule: string
  readonly resource: Resource
  readonly charge: Charge
  readonly verdict: StoreVerdict
}

/** Is told what becomes of a permit. */
export interface PermitListener {
  /** Called with each charge that was settled, and its true cost. */
  settled?(taken: TakenCharge, cost: number): void
  /** Called once, when its slots are free again. */
  released?(slots: readonly TakenCharge[]): void
}

/** Keeps permits renewed from their admission to their release. */
export interface Renewal {
  start(permit: Permit, lease: number): void
  stop(permit: Permit): void
}

/**
 * What an allowed request holds. It may be settled with its true cost and is released at its end, in either order;
 * each counts once, whatever is called twice.
 *
 *     using permit = decision.permit
 *     const answer = await model.complete(prompt)
 *     permit.settle({ tokens: answer.usage.total_tokens })
 */
export class Permit {
  readonly #store: Store
  readonly #renewal: Renewal
  readonly #slots: readonly TakenCharge[]
  readonly #listeners: readonly PermitListener[]
  /**
   * The resources that the rules of its limiter count, and so what it can be settled with. The request need not have taken any
   * of them.
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

  /** Whether it holds slots that somebody has to release. */
  get holdsSlots(): boolean {
    return this.#slots.length > 0 && !this.#released
  }

  /**
   * Says what the request cost in truth, by resource: `settle({ tokens: 812 })`. What was taken too much is given
   * back where it still counts; what was taken too little is charged, whatever the limit. A resource that this request
   * took nothing of is passed over, and so is one that was settled before.
   *
   * @throws TypeError for a resource that no rule of the limiter counts; TypeError, RangeError for a cost that is
   *   negative, not finite, or not whole where whole units are counted. Nothing is settled then.
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
      for (const taken of settled) listener.settled?.(taken, costs[taken.resource] as number)
    const changed = settlements.filter(({ charge, cost }) => cost !== charge.cost)
    if (changed.length > 0) return this.#store.settle(changed)
  }

  /** Frees the slots that the request held. What it cost stays charged. */
  release(): MaybePromise<void> {
    if (!this.holdsSlots) return
    this.#released = true
    this.#renewal.stop(this)
    const settled = this.#store.settle(
      this.#slots.map(({ charge, verdict }) => settlementOf(charge, verdict, 0)),
    )
    return andThen(settled, () => {
      for (const listener of this.#listeners) listener.released?.(this.#slots)
    })
  }

  /**
   * Gives everything back: refunds each charge into the window it was taken from and frees the slots. For a request that
   * never ran, such as one that could not be sent on. Charges that were settled stay settled, and a charge whose window is
   * over is not refunded. Idempotent.
   */
  async cancel(): Promise<void> {
    const nothing = Object.fromEntries(this.#unsettled.map(({ resource }) => [resource, 0]))
    await Promise.all([this.settle(nothing), this.release()])
  }

  /** Holds the slots for one more lease from now. */
  renew(): MaybePromise<void> {
    if (!this.holdsSlots) return
    return this.#store.settle(
      this.#slots.map(({ charge, verdict }) => settlementOf(charge, verdict, charge.cost)),
    )
  }

  /**
   * Renews the slots from now on until they are released, however long the request runs. For who is sure to call
   * `release`: as the adapters and the gateway are, which see the end of every connection.
   */
  keepRenewed(): void {
    if (!this.holdsSlots) return
    const leases = this.#slots.map(({ charge }) =>
      charge.limit.algorithm === 'concurrency' ? charge.limit.lease : 0,
    )
    this.#renewal.start(this, Math.min(...leases))
  }

  /** `using permit = …` releases at the end of the block. */
  [Symbol.dispose](): void {
    // A store that fails here has a lease to fall back on; there is nobody left to tell.
    try {
      const released = this.release()
      if (released instanceof Promise) released.catch(() => {})
    } catch {}
  }

  /** `await using permit = …` releases at the end of the block and waits for the store. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.release()
  }
}

/** @throws TypeError that names the first resource no rule counts, and lists those that are counted. */
export function checkSettledResources(
  costs: Readonly<Partial<Record<Resource, number>>>,
  counted: readonly Resource[],
): void {
  const unknown = Object.keys(costs).find((resource) => !counted.includes(resource))
  if (unknown === undefined) return
  const choices = `the rules count ${[...new Set(counted)].join(', ') || 'nothing'}`
  throw new TypeError(`no rule counts '${unknown}'${suggestThenList(unknown, counted, choices)}`)
}
