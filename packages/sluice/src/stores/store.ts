import { checkPenalty, type Penalty } from '../algorithms/penalty.js'
import type { Taken, Verdict } from '../algorithms/verdict.js'
import { checkCost } from '../limits/check-limit.js'
import { capacityOf, type Limit } from '../limits/limit.js'
import { fits } from '../limits/tolerance.js'
import type { MaybePromise } from '../maybe-promise.js'

export type { MaybePromise }

/** One rule applied to one request. */
export interface Charge {
  /** Name of the rule, the same in every process. Keys in different scopes are independent. */
  readonly scope: string
  /** The client or other subject whose usage is counted, unique within the scope. */
  readonly key: string
  readonly limit: Limit
  /** Units to take. A cost of 0 takes nothing, writes nothing and is always allowed. */
  readonly cost: number
  /** Identifies the holder of the slots of a `concurrency` limit. Unique to the request. */
  readonly lease?: string | undefined
  /** `false` marks a shadow charge: it is judged and counted, but never refuses the request. */
  readonly enforce?: boolean | undefined
  /** Refuses further charges to the key for some time after the limit refused this one. */
  readonly penalty?: Penalty | undefined
}

/** A store's verdict on one charge. */
export interface StoreVerdict extends Verdict {
  /**
   * Set if the store was full and counted the charge in the state that all unknown keys of its
   * scope share.
   */
  readonly overflow?: true
  /** Set if the store did not respond and a failure policy decided instead. */
  readonly degraded?: Degraded
  /** Set if the verdict follows from a recent refusal and the store was not queried. */
  readonly remembered?: true
}

/**
 * Policy that decided a charge while the store did not respond. `open`: admitted without being
 * counted. `local`: decided in the memory of this process, against its share of the limit.
 */
export type Degraded = 'open' | 'local'

/** An adjustment of a charge after it was taken. */
export interface Settlement {
  readonly charge: Charge
  readonly taken: Taken & Pick<StoreVerdict, 'overflow' | 'degraded'>
  /** The actual cost. For a lease, the original cost renews it and 0 ends it. */
  readonly cost: number
  /** True if this is the first settlement of a charge whose cost was reserved. */
  readonly closes?: true
}

/**
 * Holds the state of limits and decides a list of charges atomically.
 *
 * `take` is all or nothing: either every enforced charge is taken or none is, and no other request
 * is decided in between. A shadow charge is taken if it fits and the enforced ones are taken. The
 * verdicts are in the order of the charges. If the request is refused, a charge that fits is still
 * reported as allowed, with its quota unchanged.
 *
 * A charge with a `penalty` fits only while no penalty of its scope and key runs. A `take` starts a
 * penalty for each charge that its limit does not fit, shadow charges included, whether or not
 * other charges fit. This is the only write of a refused request. A charge with a cost of 0, or
 * above the limit's capacity, starts none. A running penalty is neither extended nor renewed.
 */
export interface Store {
  /** @throws TypeError, RangeError for a cost that the limit cannot count. Nothing is taken. */
  take(charges: readonly Charge[]): MaybePromise<StoreVerdict[]>
  /**
   * Returns the verdicts that `take` would return now, takes nothing and starts no penalty. The
   * `retryAfter` of a charge that would start a penalty is that of its limit.
   */
  peek(charges: readonly Charge[]): MaybePromise<StoreVerdict[]>
  /** Adjusts charges after they were taken, up or down. A settlement is never refused. */
  settle(settlements: readonly Settlement[]): MaybePromise<void>
  /** Deletes the usage of a key, and its penalty. */
  reset(scope: string, key: string): MaybePromise<void>
  /** Releases connections and timers. */
  close(): MaybePromise<void>
}

/** Validates a charge. @throws TypeError, RangeError for a charge that no store can count. */
export function checkCharge({ limit, cost, lease, penalty }: Charge): void {
  checkCost(limit, cost)
  if (penalty !== undefined) checkPenalty(penalty)
  if (limit.algorithm === 'concurrency' && lease === undefined) {
    throw new TypeError("a charge to a concurrency limit requires a 'lease' that identifies its slots")
  }
}

/** Reports whether a charge that its limit refuses starts a penalty. */
export function startsPenalty({ penalty, limit, cost }: Charge): boolean {
  return penalty !== undefined && cost > 0 && fits(cost, capacityOf(limit))
}

const PENALTY_SUFFIX = '\npenalty'

/** Returns the scope in which the penalties of a scope are stored. It belongs to no rule. */
export function penaltyScopeOf(scope: string): string {
  return scope + PENALTY_SUFFIX
}

/** Reports whether penalties are stored in a scope. */
export function isPenaltyScope(scope: string): boolean {
  return scope.endsWith(PENALTY_SUFFIX)
}

/** Returns the settlement that changes a charge taken with this verdict to `cost`. */
export function settlementOf(charge: Charge, verdict: StoreVerdict, cost: number): Settlement {
  const { at, resetAfter, overflow, degraded } = verdict
  const taken = { cost: charge.cost, at, resetAfter, lease: charge.lease }
  return { charge, taken: { ...taken, ...(overflow && { overflow }), ...(degraded && { degraded }) }, cost }
}

/**
 * Returns the settlements that undo an admitted request. `verdicts` contains one verdict per
 * charge.
 */
export function refundsOf(charges: readonly Charge[], verdicts: readonly StoreVerdict[]): Settlement[] {
  return charges.flatMap((charge, index) => {
    const verdict = verdicts[index]
    if (!verdict?.allowed || charge.cost === 0) return []
    return [settlementOf(charge, verdict, 0)]
  })
}

/**
 * Reports whether a settlement can add usage to a key that has no state. A refund cannot, because
 * the usage to refund has expired. The settlement of a lease can, because it may renew a lease that
 * has ended.
 */
export function addsUsage({ charge: { limit }, taken, cost }: Settlement): boolean {
  return cost > taken.cost || limit.algorithm === 'concurrency'
}
