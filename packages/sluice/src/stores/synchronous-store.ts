import type { Charge, Store, StoreVerdict } from './store.js'

/** What a take came to. The verdicts are made when somebody asks for them, as of the moment of the take. */
export interface Outcome {
  readonly admitted: boolean
  verdicts(): StoreVerdict[]
}

/** A store in the same process that takes without making verdicts which nobody asks for. */
export interface DecidingStore extends Store {
  /** As `take`. */
  decide(charges: readonly Charge[]): Outcome
  /**
   * Takes what every request is charged alike, but for its key: in nearly half the time that `decide` needs. Undefined where it would be no
   * quicker for these.
   */
  standing?(charges: readonly PreparedCharge[]): PreparedTaker | undefined
}

/** A charge that is the same for every request, but for its key. It is enforced. */
export type PreparedCharge = Pick<Charge, 'scope' | 'limit' | 'cost'>

/** Takes the same charges for one key after the other. */
export interface PreparedTaker {
  /** Takes them all for a key, or none. `elsewhere`: nothing was decided, since what is kept of the key needs more than this: `decide` does it. */
  take(key: string): 'taken' | 'refused' | 'elsewhere'
  /** The moment of the last take, in the store's time. */
  readonly at: number
  /** What the last take found, for `outcome`; later takes do not change it. */
  found(): Found
  /** What a take that took came to for one of the charges, whenever it is asked. */
  verdict(index: number, at: number, found: Found): StoreVerdict
  /** What a take came to, whenever it is asked. */
  outcome(admitted: boolean, at: number, found: Found): Outcome
}

/** What a take found, in the store's own terms. */
export type Found = number | readonly number[]

export function isDeciding(store: Store): store is DecidingStore {
  return 'decide' in store && typeof store.decide === 'function'
}
