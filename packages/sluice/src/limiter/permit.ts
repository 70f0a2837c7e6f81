import { suggestThenList } from '../did-you-mean.js'
import { checkCost } from '../limits/check-limit.js'
import type { Limit } from '../limits/limit.js'
import { andThen } from '../maybe-promise.js'
import type { WindowOptions } from '../overload/hand-over-window.js'
import type { Rejection } from '../overload/upstream-hold.js'
import type { Classes } from '../rules/classes.js'
import type { Resource } from '../rules/rule.js'
import { checkWork } from '../rules/work.js'
import {
  type Charge,
  type MaybePromise,
  type Settlement,
  type Store,
  type StoreVerdict,
  settlementOf,
} from '../stores/store.js'
import type { ServedWork, Service } from '../waiting/service.js'
import { Extension, Extensions } from './extensions.js'

/** A charge of an admitted request, and its rule. */
export interface AdmittedCharge extends Charge {
  readonly rule: {
    readonly name: string
    readonly resource: Resource
    readonly warnings: { readonly reserves: boolean } | undefined
    readonly window: WindowOptions | undefined
    readonly classes: Omit<Classes<never>, 'classFor'> | undefined
  }
}

/** The charges of an admitted request, by index. */
export interface AdmittedCharges {
  /** The number of charges, including those that were not taken. */
  readonly size: number
  /** Returns the resource of a charge; undefined if it was not taken. */
  resourceOf(index: number): Resource | undefined
  /** Reports whether a charge that was taken counts slots. */
  countsSlots(index: number): boolean
  costOf(index: number): number
  limitOf(index: number): Limit
  chargeAt(index: number): AdmittedCharge
  verdictAt(index: number): StoreVerdict
  /** Settles a charge without the store's `settle`. Returns false if that is not possible. */
  settleAt(index: number, cost: number): boolean
}

/** The parts of a limiter that a permit uses. */
export interface PermitContext {
  readonly store: Pick<Store, 'take' | 'settle'>
  readonly renewal: Renewal
  /** The resources that the rules of the limiter count. */
  readonly resources: readonly Resource[]
  /** True if a rule reserves costs and needs to know when they are settled. */
  readonly closesReservations: boolean
  /** Undefined if no request may have waited. */
  readonly queues: PermitQueues | undefined
  /** Undefined if the limiter has no listener. */
  readonly events: PermitEvents | undefined
}

interface PermitQueues {
  onSlotsFreed(scope: string, key: string, heldMs: number | undefined): void
  onRefunded(scope: string, key: string): void
}

interface PermitEvents {
  /**
   * @param taken what was charged before, extensions included
   * @param cost the actual cost
   */
  onSettled(charge: AdmittedCharge, taken: number, cost: number): void
  /** More was taken. */
  onExtended(charge: AdmittedCharge, cost: number): void
  /** The limit of a charge refused to extend it. */
  onExhausted(charge: AdmittedCharge, cost: number): void
  onReleased(charge: AdmittedCharge, heldMs: number): void
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
  readonly #charges: AdmittedCharges
  #context: PermitContext
  /** When the slots were taken; -1 if the time is not needed. */
  readonly #startedAt: number
  /** True for each settled charge. Undefined until the first settlement. */
  #settled: boolean[] | undefined
  /** Undefined until the first extension. */
  #extensions: Extensions | undefined
  #holdsSlots = false
  /** Undefined if no rule is fair. */
  #services: readonly Service[] | undefined

  /** @internal */
  constructor(charges: AdmittedCharges, context: PermitContext) {
    this.#charges = charges
    this.#context = context
    for (let index = 0; index < charges.size; index++) if (this.#isSlot(index)) this.#holdsSlots = true
    const isTimed = this.#holdsSlots && (context.events !== undefined || context.queues !== undefined)
    this.#startedAt = isTimed ? performance.now() : -1
  }

  /**
   * The resources that the rules of the limiter count. The permit can be settled with any of them,
   * whether or not the request was charged for it.
   */
  get resources(): readonly Resource[] {
    return this.#context.resources
  }

  /** Reports whether the permit holds slots that must be released. */
  get holdsSlots(): boolean {
    return this.#holdsSlots
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
    const charges = this.#charges
    checkSettledResources(costs, this.resources)
    const settling: number[] = []
    for (let index = 0; index < charges.size; index++)
      if (this.#isUnsettled(index, costs)) settling.push(index)
    if (settling.length === 0) return
    const costOf = (index: number) => costs[charges.resourceOf(index) as Resource] as number
    for (const index of settling) checkCost(charges.limitOf(index), costOf(index))
    // Marked first, because a listener may use the permit.
    this.#settled ??= new Array(charges.size).fill(false)
    for (const index of settling) this.#settled[index] = true
    const { events, store, closesReservations } = this.#context
    if (events !== undefined)
      for (const index of settling)
        events.onSettled(charges.chargeAt(index), this.#takenOf(index), costOf(index))
    let settlements: Settlement[] | undefined
    for (const index of settling) {
      const closes = closesReservations && isReserved(charges.chargeAt(index))
      const parts = this.#extensions?.divide(index, charges.costOf(index), costOf(index))
      const own = parts === undefined ? costOf(index) : parts.own
      if (own !== charges.costOf(index) || closes) settlements = this.#settle(index, own, settlements)
      if (parts === undefined) continue
      const changed = parts.settlements.filter(({ cost, taken }) => cost !== taken.cost || closes)
      settlements = [...(settlements ?? []), ...changed.map((each) => (closes ? { ...each, closes } : each))]
    }
    const settled =
      settlements === undefined || settlements.length === 0 ? undefined : store.settle(settlements)
    if (this.#context.queues === undefined) return settled
    return andThen(settled, () => this.#wakeQueues(settling, costOf))
  }

  /**
   * Reports whether a rule is fair, or has `concurrent: 'auto'`, so that `began`, `wrote`, `served` and
   * `rejected` have an effect.
   */
  get tracksWork(): boolean {
    return this.#services !== undefined && this.#services.length > 0
  }

  /**
   * Reports that the response has begun: that its first output was received, not only its head. Under
   * `concurrent: 'auto'`, the next request may be sent. Has no effect under other rules. Idempotent.
   *
   *     for await (const chunk of stream) {
   *       permit.began()
   *       …
   *     }
   */
  began(): void {
    if (this.#services !== undefined) for (const service of this.#services) service.began()
  }

  /**
   * Reports the output so far of a running request, in the units of the rule's `work`. Under a fair
   * rule, output beyond the prediction is charged to its tenant at once. Under `concurrent: 'auto'`, it
   * tells the time per token. Has no effect under other rules, nor after `served`.
   *
   *     permit.wrote(tokensSoFar)
   *
   * @param shown the part of it that was received: without thoughts that the server only reports
   * @throws TypeError, RangeError for an amount that is no number, negative or not finite
   */
  wrote(output: number, shown = output): void {
    if (this.#services === undefined) return
    checkWork({ output })
    checkWork({ output: shown })
    for (const service of this.#services) service.wrote(output, shown)
  }

  /**
   * Reports the actual work of the request. Under a fair rule, the tenant is charged or refunded the
   * difference to the prediction. A part that is left out counts as predicted, or as written.
   * Without this report, a request that is released counts with the output that `wrote` reported, or
   * as predicted. Under `concurrent: 'auto'`, output that was not shown explains why a response began
   * late. Has no effect under other rules. Idempotent.
   *
   *     permit.served({ input: usage.prompt_tokens, output: usage.completion_tokens })
   *
   * @throws TypeError, RangeError for an amount that is no number, negative or not finite
   */
  served(work: ServedWork): void {
    if (this.#services === undefined) return
    checkWork(work)
    if (work.shown !== undefined) checkWork({ output: work.shown })
    for (const service of this.#services) service.served(work)
  }

  /**
   * Reports that the server did not take the request. Under `concurrent: 'auto'`, fewer requests are
   * sent, and none until the server wants them again. Has no effect under other rules, nor once the
   * response has begun. Idempotent.
   *
   *     if (response.status === 503) permit.rejected('overloaded', 2_000)
   *
   * @param kind `overloaded` for a server that said so (429, 503, 529), refused the connection or did
   *   not answer in time; `error` for a failure that counts only if there are many
   * @param retryAfterMs when the server wants requests again, in milliseconds; at most 30 s count.
   *   Default: 1 s, doubling up to 30 s
   */
  rejected(kind: Rejection, retryAfterMs?: number): void {
    if (this.#services !== undefined)
      for (const service of this.#services) service.rejected(kind, retryAfterMs)
  }

  /**
   * Tells the lines of the rules that the request is sent, once.
   *
   * @param begin returns undefined for a charge of a rule whose line does not know its work
   * @internal
   */
  beginService(begin: (charge: AdmittedCharge) => Service | undefined): void {
    if (this.#services !== undefined) return
    const services: Service[] = []
    for (let index = 0; index < this.#charges.size; index++) {
      const service = this.#isSlot(index) ? begin(this.#charges.chargeAt(index)) : undefined
      if (service !== undefined) services.push(service)
    }
    this.#services = services
  }

  /**
   * Takes over the service of a permit that this one replaces.
   *
   * @internal
   */
  continueServiceOf(permit: Permit): void {
    this.#services = permit.#services
    permit.#services = undefined
  }

  /**
   * Takes more of some resources while the request runs: `extend({ tokens: 64 })`. Every rule that
   * the request was charged for, and that counts one of the resources, takes the amount from the
   * same key, or none of them does. A later settlement refunds or charges the difference to
   * everything that was taken, and `cancel` and `refund` give all of it back. Slots cannot be
   * extended.
   *
   * An extension does not wait, starts no penalty, and is not refused by one. It may overtake
   * requests that wait for the limit.
   *
   * @returns false if a limit cannot hold the amount now, or if one of the resources was settled.
   *   In that case nothing is taken.
   * @throws TypeError, RangeError under the conditions of `settle`. In that case nothing is taken.
   */
  extend(costs: Readonly<Partial<Record<Resource, number>>>): MaybePromise<boolean> {
    const charges = this.#charges
    checkSettledResources(costs, this.resources)
    const extended: number[] = []
    for (let index = 0; index < charges.size; index++) {
      const resource = charges.resourceOf(index)
      if (resource === undefined || !Object.hasOwn(costs, resource) || charges.countsSlots(index)) continue
      if (this.#settled?.[index] === true) return false
      checkCost(charges.limitOf(index), costs[resource] as number)
      extended.push(index)
    }
    if (extended.length === 0) return true
    const more = extended.map((index) => ({
      ...charges.chargeAt(index),
      cost: costs[charges.resourceOf(index) as Resource] as number,
      penalty: undefined,
    }))
    return andThen(this.#context.store.take(more), (verdicts) =>
      this.#onExtension(new Extension(extended, more, verdicts)),
    )
  }

  /** Releases the slots of the request. Its cost stays charged. */
  release(): MaybePromise<void> {
    if (!this.#holdsSlots) return
    this.#holdsSlots = false
    // Before the next request is chosen.
    if (this.#services !== undefined) for (const service of this.#services) service.end()
    this.#context.renewal.stop(this)
    return andThen(
      this.#settleSlots(() => 0),
      () => {
        const { events, queues } = this.#context
        if (events === undefined && queues === undefined) return
        // Unknown if the queues were not in use when the slots were taken.
        const heldMs = this.#startedAt < 0 ? undefined : performance.now() - this.#startedAt
        for (let index = 0; index < this.#charges.size; index++) {
          if (!this.#isSlot(index)) continue
          const charge = this.#charges.chargeAt(index)
          queues?.onSlotsFreed(charge.scope, charge.key, heldMs)
          if (heldMs !== undefined) events?.onReleased(charge, heldMs)
        }
      },
    )
  }

  /**
   * Refunds each charge into the window it was taken from and releases the slots, for a request
   * that never ran. Settled charges stay settled, and a charge whose window is over is not
   * refunded. Idempotent.
   */
  async cancel(): Promise<void> {
    await Promise.all([this.refund(), this.release()])
  }

  /**
   * Cancels a decision that another one replaces. Its request was never reported as admitted, so
   * no events are emitted.
   *
   * @internal
   */
  withdraw(): Promise<void> {
    this.#context = { ...this.#context, events: undefined }
    return this.cancel()
  }

  /**
   * Refunds each charge into the window it was taken from, like `cancel`, but keeps the slots.
   * Idempotent.
   */
  refund(): MaybePromise<void> {
    if (this.#services !== undefined) for (const service of this.#services) service.takeBack()
    return this.settle(Object.fromEntries(this.resources.map((resource) => [resource, 0])))
  }

  /** Renews the leases of the slots from now. */
  renew(): MaybePromise<void> {
    if (this.#holdsSlots) return this.#settleSlots((index) => this.#charges.costOf(index))
  }

  /**
   * Renews the slots until they are released, however long the request runs. Use it only if
   * `release` is certain to be called. The adapters and the gateway use it, because they observe
   * the end of every connection.
   */
  keepRenewed(): void {
    if (!this.#holdsSlots) return
    let leaseMs = Number.POSITIVE_INFINITY
    for (let index = 0; index < this.#charges.size; index++) {
      const limit = this.#isSlot(index) ? this.#charges.limitOf(index) : undefined
      if (limit?.algorithm === 'concurrency') leaseMs = Math.min(leaseMs, limit.lease)
    }
    this.#context.renewal.start(this, leaseMs)
  }

  /** Releases the slots at the end of the block: `using permit = …`. */
  [Symbol.dispose](): void {
    // If the store fails here, the slots are freed when their lease ends.
    try {
      const released = this.release()
      if (released instanceof Promise) released.catch(() => {})
    } catch {}
  }

  /**
   * Releases the slots at the end of the block and waits for the store: `await using permit = …`.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.release()
  }

  /** @returns false if nothing was taken, or if it was given back */
  #onExtension(extension: Extension): MaybePromise<boolean> {
    const { events, store } = this.#context
    const { isTaken, taken, refusing } = extension
    if (isTaken && taken.some(({ index }) => this.#settled?.[index] === true))
      // The request was settled while the store decided.
      return andThen(store.settle(extension.refunds), () => false)
    if (isTaken) {
      this.#extensions ??= new Extensions()
      this.#extensions.add(taken)
    }
    if (events !== undefined) {
      if (isTaken)
        for (const { index, charge } of taken) events.onExtended(this.#charges.chargeAt(index), charge.cost)
      for (const { index, charge } of refusing) events.onExhausted(this.#charges.chargeAt(index), charge.cost)
    }
    return isTaken
  }

  /** Returns what was taken for a charge, extensions included. */
  #takenOf(index: number): number {
    return this.#charges.costOf(index) + (this.#extensions?.costOf(index) ?? 0)
  }

  /** Lets requests that wait for the refunded units try again. */
  #wakeQueues(settled: readonly number[], costOf: (index: number) => number): void {
    const { queues } = this.#context
    if (queues === undefined) return
    for (const index of settled) {
      if (costOf(index) >= this.#takenOf(index)) continue
      const { scope, key } = this.#charges.chargeAt(index)
      queues.onRefunded(scope, key)
    }
  }

  #isSlot(index: number): boolean {
    return this.#charges.countsSlots(index) && this.#charges.costOf(index) > 0
  }

  #isUnsettled(index: number, costs: object): boolean {
    const resource = this.#charges.resourceOf(index)
    if (resource === undefined || !Object.hasOwn(costs, resource) || this.#settled?.[index] === true)
      return false
    return !this.#charges.countsSlots(index)
  }

  #settleSlots(costOf: (index: number) => number): MaybePromise<void> {
    let settlements: Settlement[] | undefined
    for (let index = 0; index < this.#charges.size; index++)
      if (this.#isSlot(index)) settlements = this.#settle(index, costOf(index), settlements)
    if (settlements !== undefined) return this.#context.store.settle(settlements)
  }

  /** Settles a charge in place, or adds its settlement to those for the store. */
  #settle(index: number, cost: number, settlements: Settlement[] | undefined): Settlement[] | undefined {
    const charges = this.#charges
    if (charges.settleAt(index, cost)) return settlements
    const charge = charges.chargeAt(index)
    const settled = settlementOf(charge, charges.verdictAt(index), cost)
    const settlement = isReserved(charge) ? { ...settled, closes: true as const } : settled
    return settlements === undefined ? [settlement] : [...settlements, settlement]
  }
}

/** Reports whether the charge reserves a cost that is settled later. */
function isReserved({ rule }: AdmittedCharge): boolean {
  return rule.warnings?.reserves === true
}

/**
 * Checks that the rules count every resource in `costs`.
 *
 * @throws TypeError that names the first resource that no rule counts, and lists the counted
 *   resources.
 */
export function checkSettledResources(
  costs: Readonly<Partial<Record<Resource, number>>>,
  counted: readonly Resource[],
): void {
  for (const resource in costs) {
    if (counted.includes(resource) || !Object.hasOwn(costs, resource)) continue
    const choices = `the rules count ${[...new Set(counted)].join(', ') || 'nothing'}`
    throw new TypeError(`no rule counts '${resource}'${suggestThenList(resource, counted, choices)}`)
  }
}
