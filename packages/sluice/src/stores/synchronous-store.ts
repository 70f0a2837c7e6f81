import type { Charge, Store, StoreVerdict } from './store.js'

/** The result of a take. The verdicts are computed on demand and describe the time of the take. */
export interface StoreOutcome {
  readonly admitted: boolean
  verdicts(): StoreVerdict[]
}

/** A store in this process that can take charges without computing verdicts. */
export interface DecidingStore extends Store {
  /** Takes charges as `take` does, but computes the verdicts on demand. */
  decide(charges: readonly Charge[]): StoreOutcome
  /**
   * Returns a faster path for charges that differ between requests only in their key. A decision
   * then takes about half the time of `decide`. Returns undefined if these charges have no faster
   * path.
   */
  prepare?(charges: readonly PreparedCharge[]): PreparedTaker | undefined
}

/** An enforced charge without its key, the only part that differs between requests. */
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
  /**
   * Returns the state before the last take, for `verdict` and `outcome`. Later takes do not change
   * it.
   */
  snapshot(): Snapshot
  /**
   * Returns the verdict on one charge of an admitted take. Can be called at any time after the
   * take.
   */
  verdict(index: number, at: number, snapshot: Snapshot): StoreVerdict
  /** Returns the outcome of a take. Can be called at any time after the take. */
  outcome(admitted: boolean, at: number, snapshot: Snapshot): StoreOutcome
}

/** The state before a take, in the store's own encoding. */
export type Snapshot = number | readonly number[]

/** Reports whether a store decides in this process. */
export function isDeciding(store: Store): store is DecidingStore {
  return 'decide' in store && typeof store.decide === 'function'
}
