import { fitsBurst, levelNow, type TokenBucketState } from '../../algorithms/token-bucket.js'
import { sameLimit, type TokenBucketLimit } from '../../limits/limit.js'
import type { Charge } from '../store.js'
import type { StoreOutcome } from '../synchronous-store.js'
import { BucketOutcome } from './bucket-outcome.js'
import { NO_ID } from './limit-ids.js'
import type { Scope, StateTable } from './state-table.js'

/** Maximum number of charges that a request on the fast path may have. */
const MAX_CHARGES = 16

/** Returned in place of a level if `Judgement` must decide. Levels are never negative. */
const USE_JUDGEMENT = -1

interface BucketCharge extends Charge {
  readonly limit: TokenBucketLimit
}

/**
 * Decides the most common requests: charges to token buckets in distinct scopes. It decides exactly
 * as `Judgement` does, but on plain numbers and without intermediate allocations.
 */
export class BucketFastPath {
  // Working memory of the current decision, reused so that a decision allocates only its outcome.
  readonly #scopes: Scope[] = []
  readonly #slots = new Int32Array(MAX_CHARGES)
  readonly #levels = new Float64Array(MAX_CHARGES)

  constructor(private readonly states: StateTable) {}

  /** Takes the charges, or returns undefined and takes nothing if they require `Judgement`. */
  take(charges: readonly Charge[]): StoreOutcome | undefined {
    if (!areBuckets(charges)) return undefined
    const { states } = this
    states.begin()
    states.collect(charges.length)
    let admitted = true
    for (let index = 0; index < charges.length; index++) {
      const charge = charges[index] as BucketCharge
      const level = this.#levelOf(charge, index)
      if (level === USE_JUDGEMENT) return undefined
      this.#levels[index] = level
      if (!fitsBurst(charge.limit, level + charge.cost)) admitted = false
    }
    for (let index = 0; index < charges.length; index++)
      this.#write(charges[index] as BucketCharge, index, admitted)
    return new BucketOutcome(charges, states.now, this.#levelsOf(charges.length), admitted)
  }

  /** Returns the current level of a charge's bucket, or `USE_JUDGEMENT`. */
  #levelOf({ scope: name, key, limit }: BucketCharge, index: number): number {
    const { states } = this
    const scope = this.#scope(name, index)
    // Two charges in one scope may have the same key.
    for (let earlier = 0; earlier < index; earlier++)
      if (this.#scopes[earlier] === scope) return USE_JUDGEMENT
    const slot = states.find(scope, key)
    this.#slots[index] = slot
    if (slot === 0) return scope.overflow !== undefined || states.room <= index ? USE_JUDGEMENT : 0
    const { slots } = states
    const limitId = slots.tag(slot)
    if (limitId === NO_ID || !sameLimit(states.limits.limitOf(limitId), limit)) return USE_JUDGEMENT
    return levelNow(limit, slots.at(slot), slots.level(slot), states.now)
  }

  /**
   * Returns the scope of a charge, usually cached from the charge at the same index of the previous
   * request.
   */
  #scope(name: string, index: number): Scope {
    let scope = this.#scopes[index]
    if (scope === undefined || scope.name !== name) {
      scope = this.states.scope(name)
      this.#scopes[index] = scope
    }
    return scope
  }

  #levelsOf(count: number): readonly number[] {
    // `Array.from` is slower than the whole decision, and `push` reserves capacity for 17 elements.
    const levels = new Array<number>(count)
    for (let index = 0; index < count; index++) levels[index] = this.#levels[index] as number
    return levels
  }

  #write({ key, limit, cost }: BucketCharge, index: number, admitted: boolean): void {
    const { states } = this
    const slot = this.#slots[index] as number
    const level = (this.#levels[index] as number) + (admitted ? cost : 0)
    if (slot !== 0) {
      // A refusal writes only if the clock was set back.
      if (admitted || states.now < states.slots.at(slot)) states.slots.setNumbers(slot, states.now, level)
    } else if (admitted) {
      const state: TokenBucketState = { at: states.now, level }
      states.add(this.#scopes[index] as Scope, key, [{ limit, state }])
    }
  }
}

/** Reports whether all charges are enforced, to token buckets, with a positive finite cost. */
function areBuckets(charges: readonly Charge[]): charges is readonly BucketCharge[] {
  if (charges.length > MAX_CHARGES) return false
  for (let index = 0; index < charges.length; index++) {
    const { limit, cost, enforce } = charges[index] as Charge
    if (limit.algorithm !== 'token-bucket' || enforce === false) return false
    if (!(typeof cost === 'number' && cost > 0 && cost < Number.POSITIVE_INFINITY)) return false
  }
  return true
}
