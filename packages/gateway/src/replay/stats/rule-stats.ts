import { capacityOf, type Limit } from 'sluice'
import type { EntryPool } from '../columns/entry-pool.js'
import { KeyIndex, NO_SLOT } from '../columns/key-index.js'
import { BoundChecker, isMeasured, type TakenCharge } from './bound-checker.js'
import { FractionHistogram } from './quantile-histograms.js'
import type { QuotaEvent, RuleEvent } from './stats-events.js'

/**
 * Maximum number of keys of a rule in use at a time. Beyond it, false refusals are not measured.
 */
export const MAX_KEYS = 500_000

/**
 * Maximum number of admitted requests remembered at a time, across all rules. A request is
 * remembered for the period of its limit.
 */
export const MAX_REMEMBERED = 4_000_000

/** A charge that has not been settled or released yet. */
export interface OpenCharge extends TakenCharge, KeyHash {
  readonly rule: RuleStats
  readonly limit: Limit
}

/** Hash of a key. */
type KeyHash = Readonly<Pick<QuotaEvent, 'keyLow' | 'keyHigh'>>

/** Statistics of one rule. */
export class RuleStats {
  readonly route: string
  readonly name: string
  readonly resource: string
  readonly enforced: boolean
  readonly penalized: boolean
  /** The limit of the first request. Tiers and warm-ups may scale it for others. */
  readonly limit: Limit
  allowed = 0
  refused = 0
  /** Requests that a soft limit admitted above it. */
  softOverruns = 0
  /** Refused requests that a perfect limiter with the same bound would have admitted. */
  falselyRefused = 0
  /** Sum of the costs charged at admission. */
  charged = 0
  /** Sum of the actual costs. */
  settled = 0
  /** The highest usage of any key, as a fraction of its limit. */
  mostHeld = 0
  /** The most that any key owed, as a fraction of its limit. */
  mostOwed = 0
  readonly fullness = new FractionHistogram()
  readonly #entries: EntryPool
  readonly #bounds: BoundChecker
  readonly #slots: KeyIndex
  #isMeasuring = true

  /** @param entries pool for the entries of all rules; at most `MAX_REMEMBERED` */
  constructor({ route, name, limit, resource, enforced, penalized }: RuleEvent, entries: EntryPool) {
    this.route = route
    this.name = name
    this.limit = limit
    this.resource = resource
    this.enforced = enforced
    this.penalized = penalized
    this.#entries = entries
    this.#bounds = new BoundChecker(entries)
    this.#slots = new KeyIndex(MAX_KEYS, this.#bounds)
  }

  /** Reports whether every false refusal was measured. */
  get isMeasured(): boolean {
    return this.#isMeasuring && isMeasured(this.limit)
  }

  /**
   * Records the quota of a request.
   *
   * @param isAdmitted whether all rules admitted the request
   * @param isOpen whether the request will be settled or released later
   * @returns the charge to settle or release later; undefined if there is none
   */
  record(quota: QuotaEvent, isAdmitted: boolean, isOpen: boolean, now: number): OpenCharge | undefined {
    const capacity = capacityOf(quota.limit)
    this.fullness.add(1 - quota.remaining / capacity)
    if (!isAdmitted || !quota.allowed || quota.cost === 0) return undefined
    if (quota.overrun > 0) this.softOverruns++
    this.charged += quota.cost
    this.settled += quota.cost
    const slot = this.#slotOf(quota, now)
    let entry = -1
    if (slot !== NO_SLOT) {
      entry = this.#bounds.take(slot, quota.limit, quota.cost, now)
      this.#updatePeak(slot, quota, now)
    }
    if (!isOpen) return undefined
    const { limit, keyLow, keyHigh, cost, resetAfter } = quota
    return { rule: this, limit, keyLow, keyHigh, entry, at: now, cost, endsAt: now + resetAfter }
  }

  /**
   * Reports whether a perfect limiter would have admitted a request that the rule refused. A refusal
   * for a penalty is intended, so none of a rule with penalties is false.
   */
  isFalseRefusal(quota: QuotaEvent, now: number): boolean {
    if (this.penalized) return false
    const { limit, cost } = quota
    const slot = this.#slotOf(quota, now)
    return slot !== NO_SLOT && cost <= capacityOf(limit) && this.#bounds.hasRoom(slot, limit, cost, now)
  }

  /** Records that an admitted charge takes more. @returns the charge of the added cost */
  extend(charge: OpenCharge, cost: number, now: number): OpenCharge {
    this.charged += cost
    this.settled += cost
    const slot = this.#slotOf(charge, now)
    if (slot === NO_SLOT) return { ...charge, entry: -1, at: now, cost, endsAt: now }
    const entry = this.#bounds.take(slot, charge.limit, cost, now)
    this.#updatePeak(slot, charge, now)
    return { ...charge, entry, at: now, cost, endsAt: this.#bounds.fullAt(slot, charge.limit, now) }
  }

  settle(charge: OpenCharge, cost: number, now: number): void {
    this.settled += cost - charge.cost
    const slot = this.#slotOf(charge, now)
    if (slot === NO_SLOT) return
    this.#bounds.settle(slot, charge.limit, charge, cost, now)
    if (cost <= charge.cost) return
    this.#updatePeak(slot, charge, now)
    const owed = this.#bounds.owed(slot, charge.limit, now) / capacityOf(charge.limit)
    if (owed > this.mostOwed) this.mostOwed = owed
  }

  /** Releases the slots of a request. */
  release(charge: OpenCharge, now: number): void {
    if (charge.limit.algorithm !== 'concurrency') return
    const slot = this.#slotOf(charge, now)
    if (slot !== NO_SLOT) this.#bounds.release(slot, charge.cost)
  }

  #updatePeak(slot: number, { limit }: Pick<OpenCharge, 'limit'>, now: number): void {
    const usage = this.#bounds.usage(slot, limit, now) / limit.limit
    if (usage > this.mostHeld) this.mostHeld = usage
  }

  /** Returns the slot of a key; `NO_SLOT` once measuring has stopped. */
  #slotOf({ keyLow, keyHigh }: KeyHash, now: number): number {
    if (!this.#isMeasuring) return NO_SLOT
    const slot = this.#entries.count >= MAX_REMEMBERED ? NO_SLOT : this.#slots.ofHash(keyLow, keyHigh, now)
    if (slot === NO_SLOT) {
      this.#isMeasuring = false
      this.#slots.clear()
    }
    return slot
  }
}
