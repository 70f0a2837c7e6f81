import type { Charge, Store, StoreVerdict } from './store.js'

/** The result of a take. The verdicts are computed on demand, as of the moment of the take. */
export interface StoreOutcome {
  readonly admitted: boolean
  verdicts(): StoreVerdict[]
}

/** A store in the same process that can take without computing verdicts. */
export interface DecidingStore extends Store {
  /** Does what `take` does, and returns the verdicts on demand. */
  decide(charges: readonly Charge[]): StoreOutcome
  /**
   * Returns a faster path for charges that are the same for every request except for the key. A
   * decision then takes about half the time of `decide`. Undefined if it would be no faster.
   */
  prepare?(charges: readonly PreparedCharge[]): PreparedTaker | undefined
}

/** An enforced charge that is the same for every request except for the key. */
export type PreparedCharge = Pick<Charge, 'scope' | 'limit' | 'cost'>

/** Takes the same charges for one key after another. */
export interface PreparedTaker {
  /**
   * Takes all charges for a key, or none. `fallback` means that nothing was decided, because the
   * state of the key requires `decide`.
   */
  take(key: string): 'taken' | 'refused' | 'fallback'
  /** Store time of the last take, in milliseconds. */
  readonly at: number
  /** State that the last take found, for `verdict` and `outcome`. Later takes do not change it. */
  snapshot(): Snapshot
  /** Returns the verdict on one charge of an admitted take. Can be called at any later time. */
  verdict(index: number, at: number, snapshot: Snapshot): StoreVerdict
  /** Returns the outcome of a take. Can be called at any later time. */
  outcome(admitted: boolean, at: number, snapshot: Snapshot): StoreOutcome
}

/** The state that a take found, in the store's own encoding. */
export type Snapshot = number | readonly number[]

/** Reports whether a store decides in this process. */
export function isDeciding(store: Store): store is DecidingStore {
  return 'decide' in store && typeof store.decide === 'function'
}
