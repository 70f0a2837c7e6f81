import { sameLimit, type TokenBucketLimit } from '../../limits/limit.js'
import { fitsBurst, levelNow, type TokenBucketState, tokenBucket } from '../../limits/token-bucket.js'
import type { Outcome } from '../outcome.js'
import type { Charge, StoreVerdict } from '../store.js'
import { NO_NUMBER } from './limit-numbers.js'
import type { Scope, States } from './states.js'

/** Most charges of one request that are decided this way. */
const MOST = 16

interface BucketCharge extends Charge {
  readonly limit: TokenBucketLimit
}

/**
 * Takes what nearly every request is charged: token buckets, each in a scope of its own. It decides as `Judgement` does, but in numbers, without
 * an object for each step.
 */
export class BucketTaking {
  // The charges of the request that is being decided; all in one place, so that a decision allocates nothing but its outcome.
  readonly #scopes: Scope[] = []
  readonly #slots = new Int32Array(MOST)
  readonly #levels = new Float64Array(MOST)

  constructor(private readonly states: States) {}

  /** What came of it; undefined where the charges are no such ones, or what is kept is not. Nothing is taken then. */
  take(charges: readonly Charge[]): Outcome | undefined {
    if (!areBuckets(charges)) return undefined
    const { states } = this
    states.begin()
    states.collect(charges.length)
    if (!this.#look(charges)) return undefined
    const levels: number[] = []
    let admitted = true
    for (let index = 0; index < charges.length; index++) {
      const { limit, cost } = charges[index] as BucketCharge
      const level = this.#levels[index] as number
      levels.push(level)
      if (!fitsBurst(limit, level + cost)) admitted = false
    }
    for (let index = 0; index < charges.length; index++)
      this.#write(charges[index] as BucketCharge, index, admitted)
    return new BucketOutcome(charges, states.now, levels, admitted)
  }

  /** Finds the level of each charge's key, now; `false` where one needs more than this. */
  #look(charges: readonly BucketCharge[]): boolean {
    const { states } = this
    const { slots, now } = states
    let fresh = 0
    for (let index = 0; index < charges.length; index++) {
      const { scope: name, key, limit } = charges[index] as BucketCharge
      const scope = states.scope(name)
      for (let earlier = 0; earlier < index; earlier++) if (this.#scopes[earlier] === scope) return false
      const slot = states.find(scope, key)
      this.#scopes[index] = scope
      this.#slots[index] = slot
      if (slot === 0) {
        fresh++
        if (scope.overflow !== undefined || fresh > states.room) return false
        this.#levels[index] = 0
      } else {
        const number = slots.tag(slot)
        if (number === NO_NUMBER || !sameLimit(states.limits.limitOf(number), limit)) return false
        this.#levels[index] = levelNow(limit, slots.at(slot), slots.level(slot), now)
      }
    }
    return true
  }

  #write({ key, limit, cost }: BucketCharge, index: number, admitted: boolean): void {
    const { states } = this
    const slot = this.#slots[index] as number
    const level = (this.#levels[index] as number) + (admitted ? cost : 0)
    if (slot !== 0) states.slots.setNumbers(slot, states.now, level)
    else if (admitted) {
      const state: TokenBucketState = { at: states.now, level }
      states.add(this.#scopes[index] as Scope, key, limit, state)
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

class BucketOutcome implements Outcome {
  /** @param levels before the charges, at `at` */
  constructor(
    private readonly charges: readonly BucketCharge[],
    private readonly at: number,
    private readonly levels: readonly number[],
    readonly admitted: boolean,
  ) {}

  verdicts(): StoreVerdict[] {
    return this.charges.map(({ limit, cost }, index) => {
      const state = { at: this.at, level: this.levels[index] as number }
      const verdict = tokenBucket.judge(limit, state, cost)
      // One that fits but was not taken, because another did not: what is left is what there was.
      return verdict.allowed && !this.admitted ? tokenBucket.judge(limit, state, 0) : verdict
    })
  }
}
