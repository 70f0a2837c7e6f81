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
}

export function isDeciding(store: Store): store is DecidingStore {
  return 'decide' in store && typeof store.decide === 'function'
}
