import { checkCost } from '../../limits/check-limit.js'
import { OptionRangeError, unknownOption } from '../../option-error.js'
import { type Clock, systemClock } from '../../time/clock.js'
import type { PreparedCharges, PreparedObserver, PreparedRule, PreparingStore } from '../preparing-store.js'
import {
  addsUsage,
  type Charge,
  penaltyScopeOf,
  type Settlement,
  type Store,
  type StoreVerdict,
} from '../store.js'
import { ChargeLists } from './charge-lists.js'
import { Judgement } from './judgement.js'
import { MemoryCharges } from './memory-charges.js'
import { StateTable } from './state-table.js'

export interface MemoryStoreOptions {
  /**
   * Maximum number of keys with state; default 1,000,000. A key takes 40 bytes under a token bucket
   * and up to 48 under a window. A sliding log takes up to 16 additional bytes per entry, and slots
   * up to 40 per lease. The memory of expired keys is reused but not returned to the operating
   * system.
   */
  readonly maxKeys?: number
  /** Default: the monotonic clock of the machine. */
  readonly clock?: Clock
}

/** A synchronous store in the memory of this process. */
export interface MemoryStore extends Store {
  take(charges: readonly Charge[]): StoreVerdict[]
  peek(charges: readonly Charge[]): StoreVerdict[]
  settle(settlements: readonly Settlement[]): void
  reset(scope: string, key: string): void
  close(): void
  /** Number of keys with state, including expired keys that are not yet collected. */
  readonly keys: number
  /** Number of charges counted in a state shared by unknown keys, because the store was full. */
  readonly overflowed: number
}

const OPTIONS: readonly string[] = ['maxKeys', 'clock'] satisfies (keyof MemoryStoreOptions)[]
const DEFAULT_MAX_KEYS = 1_000_000

/**
 * Creates a store in the memory of this process.
 *
 * Decisions and expiry are O(1) in the number of keys; there are no sweeps. A full store never
 * evicts live state to make room. Instead, unknown keys share one state per scope until there is
 * room again. A key that gets its own state while the shared state is in use starts with a copy of
 * the shared state. So no key exceeds its limit by being counted in two places.
 *
 * @throws TypeError for an unknown option; RangeError unless `maxKeys` is a whole number of at
 *   least 1.
 */
export function memoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  const unknown = Object.keys(options).find((option) => !OPTIONS.includes(option))
  if (unknown !== undefined) throw unknownOption('a memory store', unknown, OPTIONS)
  return new InMemoryStore(options.maxKeys ?? DEFAULT_MAX_KEYS, options.clock ?? systemClock)
}

class InMemoryStore implements MemoryStore, PreparingStore {
  readonly #states: StateTable
  readonly #lists: ChargeLists
  #overflowed = 0

  constructor(maxKeys: number, clock: Clock) {
    if (!Number.isInteger(maxKeys) || maxKeys < 1)
      throw new OptionRangeError(
        ['maxKeys'],
        `'maxKeys' must be a whole number of at least 1, not ${maxKeys}`,
      )
    this.#states = new StateTable(maxKeys, clock)
    this.#lists = new ChargeLists(this.#states)
  }

  get keys(): number {
    return this.#states.count
  }

  get overflowed(): number {
    return this.#overflowed
  }

  take(charges: readonly Charge[]): StoreVerdict[] {
    const verdicts = this.#lists.take(charges)
    if (verdicts !== undefined) return verdicts
    const judgement = new Judgement(this.#states, charges)
    this.#overflowed += judgement.overflowed
    judgement.take()
    return judgement.verdicts()
  }

  prepare(rules: readonly PreparedRule[], observe?: PreparedObserver): PreparedCharges {
    return new MemoryCharges(this.#states, rules, observe)
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
      // The key's own state may be a copy of the shared state, so both are settled.
      if (own !== undefined) states.settle(own, charge.limit, taken, cost)
      if (shared !== undefined) states.settle(shared, charge.limit, taken, cost)
      if (own === undefined && shared === undefined && addsUsage(settlement))
        states.settleNew(scope, charge.key, states.shared(scope), charge.limit, taken, cost)
    }
  }

  reset(scopeName: string, key: string): void {
    for (const name of [scopeName, penaltyScopeOf(scopeName)]) {
      const slot = this.#states.find(this.#states.scope(name), key)
      if (slot !== 0) this.#states.delete(slot)
    }
  }

  close(): void {
    // There are no timers or connections to release.
  }
}
