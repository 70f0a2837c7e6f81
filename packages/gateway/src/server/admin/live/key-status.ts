import { type Charge, capacityOf, type Limit, type Store } from 'sluice'

/** A key of a rule, and the limit that applies to it. */
export type RuleKey = Pick<Charge, 'scope' | 'key' | 'limit' | 'penalty'>

/** The usage of a key in the store. Times are in milliseconds from now; null means never. */
export interface KeyStatus {
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
      statuses.push({ remaining, used, resetAfter, moreAfter, retryAfterOfOne })
    })
  }
  return statuses
}

function finiteOrNull(milliseconds: number): number | null {
  return Number.isFinite(milliseconds) ? milliseconds : null
}
