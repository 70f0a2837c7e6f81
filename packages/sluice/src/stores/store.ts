import type { Taken, Verdict } from '../algorithms/verdict.js'
import type { Limit } from '../limits/limit.js'
import type { MaybePromise } from '../maybe-promise.js'

export type { MaybePromise }

/** One rule applied to one request. */
export interface Charge {
  /** The rule that charges, by a name that is the same in every process. Keys of different scopes never meet. */
  readonly scope: string
  /** Whom it is counted for, within the scope. */
  readonly key: string
  readonly limit: Limit
  /** How much is taken; 0 takes nothing, writes nothing and is always allowed. */
  readonly cost: number
  /** Who holds the slots of a `concurrency` limit: a name that no other request has. */
  readonly lease?: string | undefined
  /** `false`: decided and counted by itself, but never a reason to refuse the others (a shadow rule). */
  readonly enforce?: boolean | undefined
}

/** The store's answer to one charge. */
export interface StoreVerdict extends Verdict {
  /** The store was full, and the charge was counted for all unknown keys of its scope together. */
  readonly overflow?: true
  /** The store did not answer, and this was decided without it. */
  readonly degraded?: Degraded
  /** The store was not asked: by what it said a moment ago, the request is still refused. */
  readonly remembered?: true
}

/**
 * How a charge was decided whose store did not answer. `open`: let in uncounted. `local`: in the memory of this
 * process, with this process's share of the limit.
 */
export type Degraded = 'open' | 'local'

/** What a charge that was taken shall count from now on. */
export interface Settlement {
  readonly charge: Charge
  readonly taken: Taken & Pick<StoreVerdict, 'overflow' | 'degraded'>
  /** The true cost. The cost as it was renews a lease; 0 ends it. */
  readonly cost: number
}

/**
 * Where the state is, and what decides a list of charges at once.
 *
 * `take` is all or nothing: either every enforced charge is taken, or none is, and nobody else's charges come in
 * between. A shadow charge is taken where it fits, if the enforced ones are. The verdicts come in the order of the
 * charges. A charge that would be allowed says so also where another one refuses, with what is left untaken.
 */
export interface Store {
  /** @throws TypeError, RangeError for a cost that the limit cannot count; nothing is taken then. */
  take(charges: readonly Charge[]): MaybePromise<StoreVerdict[]>
  /** What `take` would say now. Takes nothing. */
  peek(charges: readonly Charge[]): MaybePromise<StoreVerdict[]>
  /** Moves what was taken up or down after the fact. Never refused. */
  settle(settlements: readonly Settlement[]): MaybePromise<void>
  /** Forgets what a key has used. */
  reset(scope: string, key: string): MaybePromise<void>
  /** Lets go of connections and timers. */
  close(): MaybePromise<void>
}

/** @throws TypeError, RangeError for a charge that no store can count. */
export function checkLease({ limit, lease }: Charge): void {
  if (limit.algorithm === 'concurrency' && lease === undefined) {
    throw new TypeError('a charge to a concurrency limit names the lease that holds the slots')
  }
}

/** What makes a charge that was taken with this verdict count `cost`. It goes to where the charge was taken. */
export function settlementOf(charge: Charge, verdict: StoreVerdict, cost: number): Settlement {
  const { at, resetAfter, overflow, degraded } = verdict
  const taken = { cost: charge.cost, at, resetAfter, lease: charge.lease }
  return { charge, taken: { ...taken, ...(overflow && { overflow }), ...(degraded && { degraded }) }, cost }
}
