import { capacityOf, type Limit } from 'sluice'
import type { EntryPool } from '../columns/entry-pool.js'
import { KeyIndex, NO_SLOT } from '../columns/key-index.js'
import { BoundChecker, isMeasured, type Taken } from './bound-checker.js'
import { FractionHistogram } from './quantile-histograms.js'
import type { ToldQuota, ToldRule } from './stats-events.js'

/** Keys of a rule that are in use at a time; with more, false refusals are not measured. */
export const MAX_KEYS = 500_000

/** Requests that were let in within their limits' periods and are remembered at a time, over all rules. */
export const MAX_REMEMBERED = 4_000_000

/** A charge that was taken, until it is settled and released. */
export interface Held extends Taken, Key {
  readonly rule: RuleStats
  readonly limit: Limit
}

/** A key, by its hash. */
type Key = Readonly<Pick<ToldQuota, 'keyLow' | 'keyHigh'>>

/** What one rule did. */
export class RuleStats {
  readonly route: string
  readonly name: string
  readonly resource: string
  readonly enforced: boolean
  /** Of its first request: tiers and warm-ups may scale it for others. */
  readonly limit: Limit
  allowed = 0
  refused = 0
  /** Refusals of a request that a perfect limiter of the same bound would have let in. */
  falselyRefused = 0
  /** What was taken when requests were let in, and what they cost in truth. */
  taken = 0
  settled = 0
  /** The most that one key held at a time, as a part of its limit. */
  mostHeld = 0
  readonly fullness = new FractionHistogram()
  readonly #entries: EntryPool
  readonly #bounds: BoundChecker
  readonly #slots: KeyIndex
  #measures = true

  /** @param entries of all rules, of which there are no more than `MOST_REMEMBERED` */
  constructor({ route, name, limit, resource, enforced }: ToldRule, entries: EntryPool) {
    this.route = route
    this.name = name
    this.limit = limit
    this.resource = resource
    this.enforced = enforced
    this.#entries = entries
    this.#bounds = new BoundChecker(entries)
    this.#slots = new KeyIndex(MAX_KEYS, this.#bounds)
  }

  /** Whether false refusals were measured, all of them. */
  get measured(): boolean {
    return this.#measures && isMeasured(this.limit)
  }

  /**
   * Notes how a request stood with the rule.
   *
   * @param admitted whether it was let in by all
   * @param goesOn whether it is still to be settled or released
   * @returns what it holds until then; undefined where there is nothing
   */
  weigh(quota: ToldQuota, admitted: boolean, goesOn: boolean, now: number): Held | undefined {
    const capacity = capacityOf(quota.limit)
    this.fullness.add(1 - quota.remaining / capacity)
    if (!admitted || !quota.allowed || quota.cost === 0) return undefined
    this.taken += quota.cost
    this.settled += quota.cost
    const slot = this.#slotOf(quota, now)
    let entry = -1
    if (slot !== NO_SLOT) {
      entry = this.#bounds.take(slot, quota.limit, quota.cost, now)
      this.#noteHeld(slot, quota, now)
    }
    if (!goesOn) return undefined
    const { limit, keyLow, keyHigh, cost, resetAfter } = quota
    return { rule: this, limit, keyLow, keyHigh, entry, at: now, cost, endsAt: now + resetAfter }
  }

  /** Whether it refused what a perfect limiter would have let in. */
  isFalse(quota: ToldQuota, now: number): boolean {
    const { limit, cost } = quota
    const slot = this.#slotOf(quota, now)
    return slot !== NO_SLOT && cost <= capacityOf(limit) && this.#bounds.hasRoom(slot, limit, cost, now)
  }

  settle(held: Held, cost: number, now: number): void {
    this.settled += cost - held.cost
    const slot = this.#slotOf(held, now)
    if (slot === NO_SLOT) return
    this.#bounds.settle(slot, held.limit, held, cost, now)
    if (cost > held.cost) this.#noteHeld(slot, held, now)
  }

  /** Notes that slots are free again. */
  release(held: Held, now: number): void {
    if (held.limit.algorithm !== 'concurrency') return
    const slot = this.#slotOf(held, now)
    if (slot !== NO_SLOT) this.#bounds.release(slot, held.cost)
  }

  #noteHeld(slot: number, { limit }: Pick<Held, 'limit'>, now: number): void {
    const held = this.#bounds.held(slot, limit, now) / limit.limit
    if (held > this.mostHeld) this.mostHeld = held
  }

  /** `NO_SLOT` where nothing is measured any more. */
  #slotOf({ keyLow, keyHigh }: Key, now: number): number {
    if (!this.#measures) return NO_SLOT
    const slot = this.#entries.count >= MAX_REMEMBERED ? NO_SLOT : this.#slots.ofHash(keyLow, keyHigh, now)
    if (slot === NO_SLOT) {
      this.#measures = false
      this.#slots.clear()
    }
    return slot
  }
}
