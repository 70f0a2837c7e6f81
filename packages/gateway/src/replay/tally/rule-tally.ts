import { capacityOf, type Limit, type Quota } from 'sluice'
import { Fractions } from './histograms.js'
import { isMeasured, KeyBound, type Taken } from './key-bound.js'
import { Recent } from './recent.js'
import type { Budget } from './trailing-log.js'

/** Keys of a rule that are in use at a time; with more, false refusals are not measured. */
export const MOST_KEYS = 500_000

/** A charge that was taken, until it is settled and released. */
export interface Held extends Taken {
  readonly rule: RuleTally
  readonly bound: KeyBound | undefined
  readonly quota: Quota
}

/** What one rule did. */
export class RuleTally {
  /** Of its first request: tiers and warm-ups may scale it for others. */
  readonly limit: Quota['limit']
  allowed = 0
  refused = 0
  /** Refusals of a request that a perfect limiter of the same bound would have let in. */
  falselyRefused = 0
  /** What was taken when requests were let in, and what they cost in truth. */
  taken = 0
  settled = 0
  /** The most that one key held at a time, as a part of its limit. */
  mostHeld = 0
  readonly fullness = new Fractions()
  readonly #bounds: Recent<KeyBound>
  readonly #budget: Budget
  #measures = true

  constructor(
    readonly route: string,
    readonly name: string,
    quota: Quota,
    budget: Budget,
  ) {
    this.limit = quota.limit
    this.resource = quota.resource
    this.enforced = quota.enforced
    this.#budget = budget
    this.#bounds = new Recent(timeToForget(quota.limit))
  }

  readonly resource: string
  readonly enforced: boolean

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
  weigh(quota: Quota, admitted: boolean, goesOn: boolean, now: number): Held | undefined {
    const capacity = capacityOf(quota.limit)
    this.fullness.add(1 - quota.remaining / capacity)
    if (!admitted || !quota.allowed || quota.cost === 0) return undefined
    this.taken += quota.cost
    this.settled += quota.cost
    const bound = this.#boundOf(quota.key, now)
    const entry = bound === undefined ? -1 : bound.take(quota.limit, quota.cost, now)
    if (bound !== undefined) this.#noteHeld(bound, quota, now)
    if (!goesOn) return undefined
    return { rule: this, bound, quota, entry, cost: quota.cost, endsAt: now + quota.resetAfter }
  }

  /** Whether it refused what a perfect limiter would have let in. */
  isFalse({ key, limit, cost }: Quota, now: number): boolean {
    const bound = this.#boundOf(key, now)
    return bound !== undefined && cost <= capacityOf(limit) && bound.hasRoom(limit, cost, now)
  }

  settle({ bound, quota, ...taken }: Held, cost: number, now: number): void {
    this.settled += cost - taken.cost
    if (bound === undefined) return
    bound.settle(quota.limit, taken, cost, now)
    if (cost > taken.cost) this.#noteHeld(bound, quota, now)
  }

  #noteHeld(bound: KeyBound, { limit }: Quota, now: number): void {
    const held = bound.held(limit, now) / limit.limit
    if (held > this.mostHeld) this.mostHeld = held
  }

  readonly #fresh = (): KeyBound => new KeyBound(this.#budget)

  #boundOf(key: string, now: number): KeyBound | undefined {
    if (!this.#measures) return undefined
    if (this.#bounds.size >= MOST_KEYS || this.#budget.left <= 0) {
      this.#measures = false
      this.#bounds.clear()
      return undefined
    }
    return this.#bounds.get(key, now, this.#fresh)
  }
}

/** How long anything of a key may count after its last request, in milliseconds. What is in flight may run for long. */
function timeToForget(limit: Limit): number {
  if (limit.algorithm === 'concurrency') return LONGEST_IN_FLIGHT
  return limit.algorithm === 'token-bucket'
    ? Math.max(limit.period, (limit.burst * limit.period) / limit.limit)
    : limit.period
}

/** Longer than any request that limits are meant for runs: a day. */
const LONGEST_IN_FLIGHT = 86_400_000
