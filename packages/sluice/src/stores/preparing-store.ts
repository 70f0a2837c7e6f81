import type { Limit } from '../limits/limit.js'
import type { Store, StoreVerdict } from './store.js'

/** A store in the same process that decides on requests without an object per charge. */
export interface PreparingStore extends Store {
  /**
   * Prepares charges to different scopes, one for each rule of a limiter.
   *
   * @param observe called with the duration of each operation in milliseconds
   */
  prepare(rules: readonly PreparedRule[], observe?: PreparedObserver): PreparedCharges
}

/** Observes operations on prepared charges. */
export type PreparedObserver = (operation: 'take' | 'settle', ms: number) => void

/** The part of a charge that is the same for every request. */
export interface PreparedRule {
  readonly scope: string
  readonly enforce: boolean
}

/** The charge of one rule for the current request, set before each take. */
export interface PreparedCharge {
  key: string
  /** Undefined if the rule does not apply to the request. */
  limit: Limit | undefined
  cost: number
}

/** Takes the charges of successive requests, and reuses its objects for each. */
export interface PreparedCharges {
  readonly charges: readonly PreparedCharge[]
  /**
   * Takes the charges that have a limit, as `Store.take` does.
   *
   * @returns `taken` if all charges were taken; `judged` if a charge did not fit, in which case
   *   `verdicts` contains the result; undefined if nothing was decided, because a charge requires
   *   `Store.take`
   */
  take(key?: string): 'taken' | 'judged' | undefined
  /** The verdicts of the last take that returned `judged`, except for charges without a limit. */
  readonly verdicts: readonly StoreVerdict[]
  /** Returns the lease that the last take assigned to a charge; undefined if it took no slots. */
  newLease(index: number): string | undefined
  /** The array that contains the numbers of the last take that returned `taken`. */
  readonly numbers: readonly number[]
  /** The index of the first of these numbers. */
  readonly offset: number
  /** Returns the cost of a charge that was taken. */
  cost(index: number, request: TakenRequest): number
  /** Returns the verdict on a charge that was taken. */
  verdict(index: number, request: TakenRequest): StoreVerdict
  /** Returns the lease of a charge that was taken; undefined if it holds no slots. */
  lease(index: number, request: TakenRequest): string | undefined
  /** Settles a charge. Returns false and settles nothing if it requires `Store.settle`. */
  settle(index: number, request: TakenRequest, cost: number): boolean
}

/** The charges of a request that were taken, by the index of their rules. */
export interface TakenRequest {
  /** Undefined for rules that do not apply. */
  readonly limits: readonly (Limit | undefined)[]
  readonly numbers: readonly number[]
  readonly offset: number
  keyOf(index: number): string
}

/** Reports whether a store prepares charges. */
export function isPreparing(store: Store): store is PreparingStore {
  return 'prepare' in store && typeof store.prepare === 'function'
}
