import { checkCost } from '../../limits/check-limit.js'
import { isEnforced } from '../enforcement.js'
import {
  type Charge,
  checkCharge,
  refundsOf,
  type Settlement,
  type Store,
  type StoreVerdict,
} from '../store.js'
import { type DecideMode, decide, type KeyOutcome, startBuckets } from './decide.js'
import type { MemcachedConnection } from './memcached-connection.js'
import { storeKey } from './memcached-key.js'
import { PerKeyQueue } from './per-key-queue.js'
import type { DecisionClock } from './server-clock.js'

export interface MemcachedStore extends Store {
  take(charges: readonly Charge[]): Promise<StoreVerdict[]>
  peek(charges: readonly Charge[]): Promise<StoreVerdict[]>
  settle(settlements: readonly Settlement[]): Promise<void>
  reset(scope: string, key: string): Promise<void>
  close(): Promise<void>
}

/** The charges of a request to one key. */
interface KeyCharges {
  readonly key: string
  /** Index of each charge in the request. */
  readonly indexes: readonly number[]
  readonly charges: readonly Charge[]
}

/** Stores state in Memcached by compare-and-swap, over any connection. */
export class CasStore implements MemcachedStore {
  readonly #updates: PerKeyQueue

  constructor(
    private readonly connection: MemcachedConnection,
    private readonly prefix: string,
    clock: DecisionClock,
  ) {
    this.#updates = new PerKeyQueue(connection, clock)
  }

  async take(charges: readonly Charge[]): Promise<StoreVerdict[]> {
    charges.forEach(checkCharge)
    const groups = this.#groupByKey(charges)
    const [only] = groups
    if (only !== undefined && groups.length === 1) {
      const { admitted, taken, untaken } = await this.#decide(only, 'take')
      return [...(admitted ? taken : untaken)]
    }
    // This step finds most refusals, before anything has to be refunded, and starts their penalties.
    const outcomes = await Promise.all(groups.map((group) => this.#decide(group, 'probe')))
    if (!outcomes.every(({ admitted }) => admitted)) {
      await this.#startBuckets(groups.filter((_, index) => outcomes[index]?.hasNewBucket))
      return collectVerdicts(groups, outcomes, 'untaken')
    }
    const admitted = await this.#takeSequentially(groups, outcomes)
    return collectVerdicts(groups, outcomes, admitted ? 'taken' : 'untaken')
  }

  async peek(charges: readonly Charge[]): Promise<StoreVerdict[]> {
    charges.forEach(checkCharge)
    const groups = this.#groupByKey(charges)
    const outcomes = await Promise.all(groups.map((group) => this.#decide(group, 'peek')))
    const admitted = outcomes.every((outcome) => outcome.admitted)
    return collectVerdicts(groups, outcomes, admitted ? 'taken' : 'untaken')
  }

  async settle(settlements: readonly Settlement[]): Promise<void> {
    for (const { charge, cost } of settlements) checkCost(charge.limit, cost)
    const groups = this.#groupByKey(settlements.map(({ charge }) => charge))
    await Promise.all(
      groups.map(({ key, indexes }) =>
        this.#updates.enqueue(key, (working) => {
          for (const index of indexes) working.settle(settlements[index] as Settlement)
        }),
      ),
    )
  }

  async reset(scope: string, key: string): Promise<void> {
    // The value of a key contains its penalty.
    await this.connection.delete(storeKey(this.prefix, scope, key))
  }

  async close(): Promise<void> {
    await this.connection.close()
  }

  /**
   * Takes from one key after another. If a key refuses or fails, refunds the earlier charges.
   * Replaces the outcomes with those of the takes, and reports whether all charges were taken.
   *
   * Every request takes from its keys in lexicographic order. Otherwise, two requests for the same
   * two keys could each take from one key and be refused by the other. Keys with only shadow
   * charges come last, because they never refuse.
   */
  async #takeSequentially(groups: readonly KeyCharges[], outcomes: KeyOutcome[]): Promise<boolean> {
    const order = [...groups.keys()].sort((a, b) =>
      compareGroups(groups[a] as KeyCharges, groups[b] as KeyCharges),
    )
    const refunds: Settlement[] = []
    try {
      for (const index of order) {
        const group = groups[index] as KeyCharges
        if (group.charges.every(({ cost }) => cost === 0)) continue
        const outcome = await this.#decide(group, 'take')
        outcomes[index] = outcome
        if (!outcome.admitted) {
          await this.#refund(refunds)
          return false
        }
        refunds.push(...refundsOf(group.charges, outcome.taken))
      }
      return true
    } catch (error) {
      await this.#refund(refunds)
      throw error
    }
  }

  async #refund(refunds: readonly Settlement[]): Promise<void> {
    // The decision does not depend on the refund. Charges that cannot be refunded expire with time.
    await this.settle(refunds).catch(() => {})
  }

  async #startBuckets(groups: readonly KeyCharges[]): Promise<void> {
    await Promise.all(
      groups.map(({ key, charges }) =>
        this.#updates.enqueue(key, (working) => startBuckets(working, charges)),
      ),
    )
  }

  #decide({ key, charges }: KeyCharges, mode: DecideMode): Promise<KeyOutcome> {
    return this.#updates.enqueue(key, (working) => decide(working, charges, mode))
  }

  /** Groups charges by key, in the order in which the keys first appear. */
  #groupByKey(charges: readonly Charge[]): KeyCharges[] {
    const groups = new Map<string, { key: string; indexes: number[]; charges: Charge[] }>()
    charges.forEach((charge, index) => {
      const key = storeKey(this.prefix, charge.scope, charge.key)
      const group = groups.get(key)
      if (group === undefined) groups.set(key, { key, indexes: [index], charges: [charge] })
      else {
        group.indexes.push(index)
        group.charges.push(charge)
      }
    })
    return [...groups.values()]
  }
}

/** Returns the verdicts of all keys in the order of the request's charges. */
function collectVerdicts(
  groups: readonly KeyCharges[],
  outcomes: readonly KeyOutcome[],
  kind: 'taken' | 'untaken',
): StoreVerdict[] {
  const verdicts: StoreVerdict[] = []
  groups.forEach(({ indexes }, group) => {
    indexes.forEach((index, position) => {
      verdicts[index] = outcomes[group]?.[kind][position] as StoreVerdict
    })
  })
  return verdicts
}

function compareGroups(a: KeyCharges, b: KeyCharges): number {
  const isShadow = ({ charges }: KeyCharges) => Number(!charges.some(isEnforced))
  return isShadow(a) - isShadow(b) || (a.key < b.key ? -1 : 1)
}
