import { checkCost } from '../../limits/check-limit.js'
import { OptionRangeError, unknownOption } from '../../option-error.js'
import { type Clock, systemClock } from '../../time/clock.js'
import type { Charge, Settlement, Store, StoreVerdict } from '../store.js'
import type { DecidingStore, Outcome, PreparedCharge, PreparedTaker } from '../synchronous-store.js'
import { BucketFastPath } from './bucket-fast-path.js'
import { Judgement } from './judgement.js'
import { PreparedBuckets } from './prepared-buckets.js'
import { type Scope, StateTable } from './state-table.js'

export interface MemoryStoreOptions {
  /**
   * Most keys whose state is kept; default 1,000,000. A token bucket takes 40 bytes a key; plan for 200 to 400 for the other algorithms. Memory
   * that was once needed is kept for the next keys.
   */
  readonly maxKeys?: number
  /** Default: the machine's monotonic clock. */
  readonly clock?: Clock
}

/** The store that answers in the same process, at once. */
export interface MemoryStore extends Store {
  take(charges: readonly Charge[]): StoreVerdict[]
  peek(charges: readonly Charge[]): StoreVerdict[]
  settle(settlements: readonly Settlement[]): void
  reset(scope: string, key: string): void
  close(): void
  /** Keys whose state is kept, those that have expired and are not yet collected included. */
  readonly keys: number
  /** Charges since the start that were counted in a bucket shared by unknown keys, because the store was full. */
  readonly overflowed: number
}

const OPTIONS: readonly string[] = ['maxKeys', 'clock'] satisfies (keyof MemoryStoreOptions)[]
const DEFAULT_MAX_KEYS = 1_000_000

/**
 * Keeps state in the memory of this process.
 *
 * A decision is O(1), whatever the number of keys; so is expiry, which needs no sweep. When `maxKeys` are kept,
 * nobody's state is thrown away for a newcomer's: unknown keys share one state a scope until there is room. A key that
 * gets a state of its own while the shared one is in use starts from a copy of it, so that no key ever gets more than
 * its limit by having been counted in two places.
 *
 * @throws TypeError for an option that it does not have; RangeError where `maxKeys` is not a whole number of at least 1.
 */
export function memoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  const unknown = Object.keys(options).find((option) => !OPTIONS.includes(option))
  if (unknown !== undefined) throw unknownOption('a memory store', unknown, OPTIONS)
  return new InMemory(options.maxKeys ?? DEFAULT_MAX_KEYS, options.clock ?? systemClock)
}

class InMemory implements MemoryStore, DecidingStore {
  readonly #states: StateTable
  readonly #buckets: BucketFastPath
  #overflowed = 0

  constructor(maxKeys: number, clock: Clock) {
    if (!Number.isInteger(maxKeys) || maxKeys < 1)
      throw new OptionRangeError(['maxKeys'], `'maxKeys' is a whole number from 1, not ${maxKeys}`)
    this.#states = new StateTable(maxKeys, clock)
    this.#buckets = new BucketFastPath(this.#states)
  }

  get keys(): number {
    return this.#states.count
  }

  get overflowed(): number {
    return this.#overflowed
  }

  take(charges: readonly Charge[]): StoreVerdict[] {
    return this.decide(charges).verdicts()
  }

  decide(charges: readonly Charge[]): Outcome {
    return this.#buckets.take(charges) ?? this.#judge(charges)
  }

  standing(charges: readonly PreparedCharge[]): PreparedTaker | undefined {
    return PreparedBuckets.of(this.#states, charges)
  }

  #judge(charges: readonly Charge[]): Judgement {
    const judgement = new Judgement(this.#states, charges)
    this.#overflowed += judgement.overflowed
    judgement.take()
    return judgement
  }

  peek(charges: readonly Charge[]): StoreVerdict[] {
    return new Judgement(this.#states, charges).verdicts()
  }

  settle(settlements: readonly Settlement[]): void {
    for (const { charge, cost } of settlements) checkCost(charge.limit, cost)
    const states = this.#states
    states.begin()
    for (const settlement of settlements) {
      const { charge, taken, cost } = settlement
      const scope = states.scope(charge.scope)
      const own = states.find(scope, charge.key) || undefined
      const shared = taken.overflow ? states.shared(scope) : undefined
      // What was counted in the shared state is also in the copy of it that the key may have got since.
      if (own !== undefined) states.settle(own, charge.limit, taken, cost)
      if (shared !== undefined) states.settle(shared, charge.limit, taken, cost)
      if (own === undefined && shared === undefined) this.#settleForgotten(scope, settlement)
    }
  }

  #settleForgotten(scope: Scope, { charge: { key, limit }, taken, cost }: Settlement): void {
    if (cost <= taken.cost && limit.algorithm !== 'concurrency') return
    this.#states.settleFirst(scope, key, this.#states.shared(scope), limit, taken, cost)
  }

  reset(scopeName: string, key: string): void {
    const slot = this.#states.find(this.#states.scope(scopeName), key)
    if (slot !== 0) this.#states.forget(slot)
  }

  close(): void {
    // Nothing to let go of: there is no timer, and the state is the garbage collector's.
  }
}
