import { fitsBurst, levelNow, type TokenBucketState } from '../../algorithms/token-bucket.js'
import { sameLimit, type TokenBucketLimit } from '../../limits/limit.js'
import type { Charge } from '../store.js'
import type { Outcome } from '../synchronous-store.js'
import { BucketOutcome } from './bucket-outcome.js'
import { NO_NUMBER } from './limit-ids.js'
import type { Scope, StateTable } from './state-table.js'

/** Most charges of one request that are decided this way. */
const MOST = 16

/** In place of a level, which is never below zero. */
const ELSEWHERE = -1

interface BucketCharge extends Charge {
  readonly limit: TokenBucketLimit
}

/**
 * Takes what nearly every request is charged: token buckets, each in a scope of its own. It decides as `Judgement` does, but in numbers, without
 * an object for each step.
 */
export class BucketFastPath {
  // The charges of the request that is being decided; all in one place, so that a decision allocates nothing but its outcome.
  readonly #scopes: Scope[] = []
  readonly #slots = new Int32Array(MOST)
  readonly #levels = new Float64Array(MOST)

  constructor(private readonly states: StateTable) {}

  /** What came of it; undefined where the charges are no such ones, or what is kept is not. Nothing is taken then. */
  take(charges: readonly Charge[]): Outcome | undefined {
    if (!areBuckets(charges)) return undefined
    const { states } = this
    states.begin()
    states.collect(charges.length)
    let admitted = true
    for (let index = 0; index < charges.length; index++) {
      const charge = charges[index] as BucketCharge
      const level = this.#look(charge, index)
      if (level === ELSEWHERE) return undefined
      this.#levels[index] = level
      if (!fitsBurst(charge.limit, level + charge.cost)) admitted = false
    }
    for (let index = 0; index < charges.length; index++)
      this.#write(charges[index] as BucketCharge, index, admitted)
    return new BucketOutcome(charges, states.now, this.#levelsOf(charges.length), admitted)
  }

  /** The level of a charge's key, now; `ELSEWHERE` where it needs more than this to tell. */
  #look({ scope: name, key, limit }: BucketCharge, index: number): number {
    const { states } = this
    const scope = this.#scope(name, index)
    // Two charges of one scope may be for one key.
    for (let earlier = 0; earlier < index; earlier++) if (this.#scopes[earlier] === scope) return ELSEWHERE
    const slot = states.find(scope, key)
    this.#slots[index] = slot
    if (slot === 0) return scope.overflow !== undefined || states.room <= index ? ELSEWHERE : 0
    const { slots } = states
    const number = slots.tag(slot)
    if (number === NO_NUMBER || !sameLimit(states.limits.limitOf(number), limit)) return ELSEWHERE
    return levelNow(limit, slots.at(slot), slots.level(slot), states.now)
  }

  /** Mostly it is that of the same charge of the request before. */
  #scope(name: string, index: number): Scope {
    let scope = this.#scopes[index]
    if (scope === undefined || scope.name !== name) {
      scope = this.states.scope(name)
      this.#scopes[index] = scope
    }
    return scope
  }

  #levelsOf(count: number): readonly number[] {
    // A copy by `Array.from` takes longer than all the rest, and one that is pushed to has room for 17.
    const levels = new Array<number>(count)
    for (let index = 0; index < count; index++) levels[index] = this.#levels[index] as number
    return levels
  }

  #write({ key, limit, cost }: BucketCharge, index: number, admitted: boolean): void {
    const { states } = this
    const slot = this.#slots[index] as number
    const level = (this.#levels[index] as number) + (admitted ? cost : 0)
    if (slot !== 0) {
      // A refusal writes nothing, except what a clock that was set back does.
      if (admitted || states.now < states.slots.at(slot)) states.slots.setNumbers(slot, states.now, level)
    } else if (admitted) {
      const state: TokenBucketState = { at: states.now, level }
      states.add(this.#scopes[index] as Scope, key, [{ limit, state }])
    }
  }
}

/** Whether they are enforced charges of token buckets that take something which can be counted. */
function areBuckets(charges: readonly Charge[]): charges is readonly BucketCharge[] {
  if (charges.length > MOST) return false
  for (let index = 0; index < charges.length; index++) {
    const { limit, cost, enforce } = charges[index] as Charge
    if (limit.algorithm !== 'token-bucket' || enforce === false) return false
    if (!(typeof cost === 'number' && cost > 0 && cost < Number.POSITIVE_INFINITY)) return false
  }
  return true
}
