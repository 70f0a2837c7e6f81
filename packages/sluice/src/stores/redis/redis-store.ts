import { allEnforcedFit } from '../enforcement.js'
import {
  type Charge,
  checkCharge,
  type MaybePromise,
  penaltyScopeOf,
  refundsOf,
  type Settlement,
  type Store,
  type StoreVerdict,
} from '../store.js'
import { Batches } from './batches.js'
import { CalendarBorders } from './calendar-borders.js'
import type { RedisConnection } from './redis-connection.js'
import { storeKey } from './redis-key.js'
import type { DecideOperation } from './script-job.js'
import type { ScriptResult } from './script-result.js'
import { slotOf } from './slot.js'

export interface RedisStore extends Store {
  /** Returns a promise, except for a refusal from the cache, which is returned synchronously. */
  take(charges: readonly Charge[]): MaybePromise<StoreVerdict[]>
  peek(charges: readonly Charge[]): Promise<StoreVerdict[]>
  settle(settlements: readonly Settlement[]): Promise<void>
  reset(scope: string, key: string): Promise<void>
  close(): Promise<void>
}

/** The indexes of a request's charges in one slot. */
interface SlotCharges {
  readonly slot: number
  readonly indexes: readonly number[]
}

/**
 * Stores state in Redis with a script, over any connection. `now` replaces the server's time in
 * tests.
 */
export class ScriptStore implements RedisStore {
  readonly #calendar: CalendarBorders
  readonly #batches: Batches

  constructor(
    private readonly connection: RedisConnection,
    private readonly prefix: string,
    now?: () => number,
  ) {
    this.#calendar = new CalendarBorders(now)
    this.#batches = new Batches(connection, prefix, this.#calendar)
  }

  take(charges: readonly Charge[]): Promise<StoreVerdict[]> {
    return this.#decide('take', charges, (groups) => this.#takeFromSlots(charges, groups))
  }

  peek(charges: readonly Charge[]): Promise<StoreVerdict[]> {
    return this.#decide('peek', charges, async (groups) => {
      const results = await Promise.all(groups.map((group) => this.#decideGroup('peek', charges, group)))
      return verdictsOn(charges, inChargeOrder(groups, results))
    })
  }

  async settle(settlements: readonly Settlement[]): Promise<void> {
    for (const { charge, taken, cost } of settlements) {
      this.#check({ ...charge, lease: '', cost })
      // `resetAfter` is infinite for an infinite debt.
      if (!Number.isFinite(taken.cost + taken.at) || Number.isNaN(taken.resetAfter))
        throw new TypeError("a settlement requires the 'cost', 'at' and 'resetAfter' of the take as numbers")
    }
    await this.#settle(settlements)
  }

  async reset(scope: string, key: string): Promise<void> {
    checkNames({ scope, key })
    const slot = this.#slotOf({ scope, key })
    const resetOf = (scope: string) =>
      new Promise((resolve, reject) => {
        this.#batches.add(
          { operation: 'reset', charges: [{ scope, key }], attempts: 0, resolve, reject },
          slot,
        )
      })
    await Promise.all([resetOf(scope), resetOf(penaltyScopeOf(scope))])
  }

  async close(): Promise<void> {
    await this.connection.close()
  }

  /** Decides a request in one call, or with `decideGroups` if its charges lie in several slots. */
  #decide(
    operation: 'take' | 'peek',
    charges: readonly Charge[],
    decideGroups: (groups: readonly SlotCharges[]) => Promise<StoreVerdict[]>,
  ): Promise<StoreVerdict[]> {
    return new Promise((settle, reject) => {
      for (const charge of charges) this.#check(charge)
      const slot = this.#onlySlotOf(charges)
      if (charges.length === 0) settle([])
      else if (slot === undefined) settle(decideGroups(this.#groupBySlot(charges)))
      else {
        const resolve = (results: readonly ScriptResult[]) => settle(verdictsOn(charges, results))
        const job = { operation: operationOf(operation, charges), charges, attempts: 0, resolve, reject }
        this.#batches.add(job, slot)
      }
    })
  }

  #decideGroup(
    operation: 'take' | 'peek',
    charges: readonly Charge[],
    group: SlotCharges,
  ): Promise<readonly ScriptResult[]> {
    return new Promise((resolve, reject) => {
      const selected = select(group, charges)
      const job = {
        operation: operationOf(operation, selected),
        charges: selected,
        attempts: 0,
        resolve,
        reject,
      }
      this.#batches.add(job, group.slot)
    })
  }

  async #takeFromSlots(charges: readonly Charge[], groups: readonly SlotCharges[]): Promise<StoreVerdict[]> {
    const takes = await Promise.allSettled(groups.map((group) => this.#decideGroup('take', charges, group)))
    const results = takes.map((take) => (take.status === 'fulfilled' ? take.value : []))
    const failed = takes.find((take) => take.status === 'rejected')
    const verdicts = failed === undefined ? verdictsOn(charges, inChargeOrder(groups, results)) : []
    if (failed === undefined && allEnforcedFit(charges, verdicts)) return verdicts
    // A slot in which all charges fit has taken them. The decision does not depend on the refund.
    // Charges that cannot be refunded expire with time.
    const refunds = groups.flatMap((group, index) =>
      refundsOfSlot(select(group, charges), results[index] as readonly ScriptResult[]),
    )
    await this.#settle(refunds).catch(() => {})
    if (failed !== undefined) throw failed.reason
    return verdicts
  }

  async #settle(settlements: readonly Settlement[]): Promise<void> {
    const charges = settlements.map(({ charge, taken, cost }) => ({ ...charge, cost, lease: taken.lease }))
    const groups = this.#groupBySlot(charges)
    await Promise.all(
      groups.map((group) => {
        const taken = select(group, settlements).map((settlement) => settlement.taken)
        return new Promise((resolve, reject) => {
          this.#batches.add(
            { operation: 'settle', charges: select(group, charges), taken, attempts: 0, resolve, reject },
            group.slot,
          )
        })
      }),
    )
  }

  /**
   * Checks a charge before it is sent, because an invalid one would fail all others in its call.
   */
  #check(charge: Charge): void {
    const { limit } = charge
    checkNames(charge)
    checkCharge(charge)
    const period = limit.algorithm === 'concurrency' ? limit.lease : limit.period
    const burst = limit.algorithm === 'token-bucket' ? limit.burst + (limit.initial ?? 0) : 0
    if (!Number.isFinite(limit.limit + period + burst))
      throw new TypeError('the limit, period, burst and lease of a limit must be finite numbers')
    this.#calendar.bordersOf(limit)
  }

  /** Returns the slot of all charges, or undefined if they lie in several. */
  #onlySlotOf(charges: readonly Charge[]): number | undefined {
    const [first] = charges
    if (!this.connection.cluster || first === undefined) return 0
    const slot = this.#slotOf(first)
    const isInSlot = (charge: Charge) => isSameTag(charge, first) || this.#slotOf(charge) === slot
    return charges.every(isInSlot) ? slot : undefined
  }

  #groupBySlot(charges: readonly Charge[]): SlotCharges[] {
    const groups = new Map<number, number[]>()
    charges.forEach((charge, index) => {
      const slot = this.#slotOf(charge)
      const indexes = groups.get(slot)
      if (indexes === undefined) groups.set(slot, [index])
      else indexes.push(index)
    })
    return [...groups].map(([slot, indexes]) => ({ slot, indexes }))
  }

  /** Returns the slot of a key, or 0 outside a cluster. */
  #slotOf({ scope, key }: Pick<Charge, 'scope' | 'key'>): number {
    if (!this.connection.cluster) return 0
    // The scope determines the slot only if the key is empty.
    return slotOf(this.connection.keyPrefix + storeKey(this.prefix, key === '' ? scope : '', key))
  }
}

/** Reports whether two keys lie in one slot because they have the same hash tag. */
function isSameTag(one: Charge, other: Charge): boolean {
  return one.key === other.key && one.key !== ''
}

/** Returns the operation of the script for charges that may have penalties. */
function operationOf(operation: 'take' | 'peek', charges: readonly Charge[]): DecideOperation {
  return charges.some(({ penalty }) => penalty !== undefined) ? `${operation}WithPenalties` : operation
}

function checkNames({ scope, key }: Pick<Charge, 'scope' | 'key'>): void {
  if (typeof scope !== 'string' || typeof key !== 'string')
    throw new TypeError("'scope' and 'key' must be strings")
}

/** Returns the verdicts on a request from the results for all its charges. */
function verdictsOn(charges: readonly Charge[], results: readonly ScriptResult[]): StoreVerdict[] {
  const verdicts = results.map((result) => result.verdict())
  return allEnforcedFit(charges, verdicts) ? verdicts : results.map((result) => result.untakenVerdict())
}

/** Returns the settlements that undo a take in one slot. `results` is empty if the call failed. */
function refundsOfSlot(charges: readonly Charge[], results: readonly ScriptResult[]): Settlement[] {
  const verdicts = results.map((result) => result.verdict())
  return allEnforcedFit(charges, verdicts) ? refundsOf(charges, verdicts) : []
}

/** Selects the elements of one slot. */
function select<T>({ indexes }: SlotCharges, all: readonly T[]): readonly T[] {
  return indexes.length === all.length ? all : indexes.map((index) => all[index] as T)
}

/** Returns the results of all slots in the order of the charges. */
function inChargeOrder(
  groups: readonly SlotCharges[],
  results: readonly (readonly ScriptResult[])[],
): ScriptResult[] {
  const all: ScriptResult[] = []
  groups.forEach(({ indexes }, group) => {
    indexes.forEach((index, position) => {
      all[index] = results[group]?.[position] as ScriptResult
    })
  })
  return all
}
