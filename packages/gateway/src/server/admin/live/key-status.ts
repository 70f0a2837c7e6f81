import { type Charge, capacityOf, type Limit, type Store } from 'sluice'
import { UNITS_PER_CURRENCY } from 'sluice/internal'

/** A key of a rule, and the limit that applies to it. */
export type RuleKey = Pick<Charge, 'scope' | 'key' | 'limit' | 'penalty'>

/** The usage of a key in the store. Times are in milliseconds from now; null means never. */
export interface KeyStatus {
  /** Units, or an amount of money in the currency of the limit. */
  readonly remaining: number
  /** From 0 to 1. */
  readonly used: number
  readonly resetAfter: number
  readonly moreAfter: number
  /** Time until a cost of 1 fits; 0 if it fits now. */
  readonly retryAfterOfOne: number | null
}

/** Keys per store operation. */
const BATCH_SIZE = 100

/**
 * Reads the status of keys, in their order, without charging them. Rejects with a
 * StoreUnavailableError while the store is unavailable.
 */
export async function keyStatuses(store: Store, keys: readonly RuleKey[]): Promise<KeyStatus[]> {
  const statuses: KeyStatus[] = []
  for (let from = 0; from < keys.length; from += BATCH_SIZE) {
    const batch = keys.slice(from, from + BATCH_SIZE)
    const charges = batch.map(({ scope, key, limit, penalty }) => ({
      ...{ scope, key, limit, penalty },
      cost: 0,
      enforce: false,
      lease: 'status',
    }))
    const verdicts = await store.peek(charges)
    verdicts.forEach(({ remaining, resetAfter, moreAfter }, index) => {
      const used = 1 - remaining / capacityOf(batch[index]?.limit as Limit)
      const retryAfterOfOne = remaining >= 1 ? 0 : finiteOrNull(moreAfter)
      const amount = shownAmount(remaining, batch[index]?.limit as Limit)
      statuses.push({ remaining: amount, used, resetAfter, moreAfter, retryAfterOfOne })
    })
  }
  return statuses
}

/** Converts units of money to the currency of the limit. */
function shownAmount(units: number, limit: Limit): number {
  const isMoney = limit.algorithm !== 'concurrency' && limit.currency !== undefined
  return isMoney ? units / UNITS_PER_CURRENCY : units
}

function finiteOrNull(milliseconds: number): number | null {
  return Number.isFinite(milliseconds) ? milliseconds : null
}
