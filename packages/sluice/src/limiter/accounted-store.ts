import { capacityOf, currencyOf, type Limit } from '../limits/limit.js'
import { andThen, type MaybePromise } from '../maybe-promise.js'
import { allEnforcedFit } from '../stores/enforcement.js'
import type { Charge, Settlement, Store, StoreVerdict } from '../stores/store.js'
import type { RuleCharge } from './charges.js'
import { type AccountedVerdict, isCounted } from './warning.js'

/** Called with the settled use of a key after a settlement. */
export type OnSettledUse = (charge: RuleCharge, used: number, verdict: StoreVerdict) => void

/** The limit of counts that never refuse: of reservations, and of use above a limit. */
const UNBOUNDED = Number.MAX_SAFE_INTEGER

/**
 * How open reservations are counted: in parts of so many units, each of which weighs so much in the
 * count. A reservation whose request costs something leaves a weight of 1 behind when it is closed,
 * so the count is positive, and its window open, as long as that of the limit. Together, the
 * remainders of fewer reservations in a window than a part weighs are less than a part. Money is
 * counted in millionths of the currency, up to two million.
 */
const RESERVED = { tokens: { part: 1, weight: 2 ** 16 }, money: { part: 1000, weight: 2 ** 12 } } as const

/**
 * The most that a request reserves from a soft limit. Clients may state absurd costs, which would
 * fill the count of reservations. A soft limit refuses none of them, so it need not reserve more:
 * 16 million tokens, or a million of a currency.
 */
const MAX_SOFT_RESERVATION = { tokens: 2 ** 24, money: 2 ** 50 } as const

/** Suffix of the scope in which the open reservations of a scope are counted. It belongs to no rule. */
const RESERVED_SUFFIX = '\nreserved'

/**
 * Accounts for rules with `warn` or `soft`, and for limits on money, on any store, with its ordinary
 * operations.
 *
 * - A soft limit is taken as a shadow charge. If it does not fit and the request is admitted, its
 *   cost is added by a settlement, which no limit refuses.
 * - A rule that reserves costs has a second count of its open reservations, in the same windows and
 *   changed by the same calls. The settled use is the difference of the counts.
 */
export class AccountedStore implements Store {
  constructor(
    private readonly store: Store,
    private readonly onSettledUse: OnSettledUse | undefined,
  ) {}

  take(charges: readonly RuleCharge[]): MaybePromise<StoreVerdict[]> {
    const { inner, reservedAt } = expand(charges)
    return andThen(this.store.take(inner), (verdicts) => {
      const known = accounted(charges, verdicts, reservedAt)
      const isAdmitted = allEnforcedFit(inner, verdicts)
      const over = charges.flatMap((charge, index) =>
        isSoft(charge) && verdicts[index]?.allowed === false ? [index] : [],
      )
      for (const index of over) known[index] = admittedBy(known[index] as AccountedVerdict)
      if (over.length > 0 && isAdmitted) return this.#addOverruns(charges, known, over)
      return this.#withOverruns(
        charges,
        known,
        charges.flatMap((charge, index) => (charge.cost === 0 ? [index] : [])),
      )
    })
  }

  peek(charges: readonly RuleCharge[]): MaybePromise<StoreVerdict[]> {
    const { inner, reservedAt } = expand(charges)
    return andThen(this.store.peek(inner), (verdicts) => {
      const known = accounted(charges, verdicts, reservedAt)
      for (const [index, charge] of charges.entries())
        if (isSoft(charge) && verdicts[index]?.allowed === false)
          known[index] = admittedBy(known[index] as AccountedVerdict)
      return this.#withOverruns(charges, known, [...charges.keys()])
    })
  }

  settle(settlements: readonly Settlement[]): MaybePromise<void> {
    const all = settlements
      .map(asTaken)
      .flatMap((settlement) => [
        ...(settlement.cost === settlement.taken.cost ? [] : [settlement]),
        ...closing(settlement),
      ])
    const settled = all.length === 0 ? undefined : this.store.settle(all)
    const watched = this.onSettledUse === undefined ? [] : settlements.filter(canReachThreshold)
    if (watched.length === 0) return settled
    return andThen(settled, () => this.#reportUse(watched.map(({ charge }) => charge as RuleCharge)))
  }

  reset(scope: string, key: string): MaybePromise<void> {
    return andThen(this.store.reset(scope, key), () => this.store.reset(scope + RESERVED_SUFFIX, key))
  }

  close(): MaybePromise<void> {
    return this.store.close()
  }

  #addOverruns(
    charges: readonly RuleCharge[],
    verdicts: AccountedVerdict[],
    over: readonly number[],
  ): MaybePromise<StoreVerdict[]> {
    const settlements = over.map((index): Settlement => {
      const charge = charges[index] as RuleCharge
      const { at, resetAfter, overflow, degraded } = verdicts[index] as AccountedVerdict
      const taken = { cost: 0, at, resetAfter }
      return {
        charge: { ...charge, cost: 0 },
        taken: { ...taken, ...(overflow && { overflow }), ...(degraded && { degraded }) },
        cost: takenCost(charge),
      }
    })
    // The other charges are taken. A use above the limit that cannot be counted refuses nothing.
    return andUnlessFailed(
      () => this.store.settle(settlements),
      () => this.#readOverruns(charges, verdicts, over),
      verdicts,
    )
  }

  /** Reads how far keys are above their soft limits, for those of the charges that may be. */
  #withOverruns(
    charges: readonly RuleCharge[],
    verdicts: AccountedVerdict[],
    indexes: readonly number[],
  ): MaybePromise<StoreVerdict[]> {
    const full = indexes.filter(
      (index) => isSoft(charges[index] as RuleCharge) && verdicts[index]?.remaining === 0,
    )
    return full.length === 0 ? verdicts : this.#readOverruns(charges, verdicts, full)
  }

  #readOverruns(
    charges: readonly RuleCharge[],
    verdicts: AccountedVerdict[],
    full: readonly number[],
  ): MaybePromise<StoreVerdict[]> {
    const read = full.map((index) => unboundedCharge(charges[index] as RuleCharge))
    const addOverruns = (now: readonly StoreVerdict[]) => {
      for (const [position, index] of full.entries())
        verdicts[index] = withOverrun(
          charges[index] as RuleCharge,
          verdicts[index] as AccountedVerdict,
          now[position] as StoreVerdict,
        )
      return verdicts
    }
    return andUnlessFailed(() => this.store.peek(read), addOverruns, verdicts)
  }

  #reportUse(charges: readonly RuleCharge[]): MaybePromise<void> {
    const read = charges.flatMap((charge) => [
      unboundedCharge(charge),
      ...(reserves(charge) ? [reservation(charge, 0)] : []),
    ])
    const report = (verdicts: readonly StoreVerdict[]) => {
      let next = 0
      for (const charge of charges) {
        const verdict = verdicts[next++] as StoreVerdict
        const reserved = reserves(charge) ? reservedBy(verdicts[next++] as StoreVerdict, charge) : 0
        if (isCounted(verdict)) this.onSettledUse?.(charge, UNBOUNDED - verdict.remaining - reserved, verdict)
      }
    }
    // The settlement has succeeded. If the use cannot be read, the next request of the key reads it.
    return andUnlessFailed(() => this.store.peek(read), report, undefined)
  }
}

/** Calls the store, then `next` with the result. Returns `otherwise` if the store fails. */
function andUnlessFailed<Result, Value>(
  call: () => MaybePromise<Result>,
  next: (result: Result) => MaybePromise<Value>,
  otherwise: Value,
): MaybePromise<Value> {
  let result: MaybePromise<Result>
  try {
    result = call()
  } catch {
    return otherwise
  }
  return result instanceof Promise ? result.then(next, () => otherwise) : next(result)
}

function isSoft({ rule: { warnings, enforce } }: RuleCharge): boolean {
  return warnings?.soft === true && enforce
}

function reserves({ rule: { warnings, enforce }, limit }: RuleCharge): boolean {
  return warnings?.reserves === true && enforce && limit.algorithm === 'fixed-window'
}

/** Reports whether a settlement may have raised the settled use of a rule with thresholds. */
function canReachThreshold({ charge, taken, cost, closes }: Settlement): boolean {
  const { rule, limit } = charge as RuleCharge
  if (rule.warnings?.thresholds === undefined || !rule.enforce || limit.algorithm !== 'fixed-window')
    return false
  if (taken.overflow !== undefined || taken.degraded !== undefined) return false
  return closes === true ? cost > 0 : cost > taken.cost
}

/** Returns the charges that the store decides on, and where the reservations of each begin. */
function expand(charges: readonly RuleCharge[]): {
  readonly inner: readonly Charge[]
  readonly reservedAt: readonly (number | undefined)[]
} {
  const inner: Charge[] = charges.map((charge) =>
    isSoft(charge) ? { ...charge, cost: takenCost(charge), enforce: false } : charge,
  )
  const reservedAt = charges.map((charge) =>
    reserves(charge) ? inner.push(reservation(charge, takenCost(charge))) - 1 : undefined,
  )
  return { inner, reservedAt }
}

function accounted(
  charges: readonly RuleCharge[],
  verdicts: readonly StoreVerdict[],
  reservedAt: readonly (number | undefined)[],
): AccountedVerdict[] {
  return charges.map((charge, index) => {
    const verdict = verdicts[index] as StoreVerdict
    const at = reservedAt[index]
    if (at === undefined) return verdict
    return { ...copyOf(verdict, {}), reserved: reservedBy(verdicts[at] as StoreVerdict, charge) }
  })
}

/** Returns the units that the store takes for a charge. */
function takenCost(charge: RuleCharge): number {
  if (!isSoft(charge) || !reserves(charge)) return charge.cost
  return Math.min(charge.cost, MAX_SOFT_RESERVATION[unitOf(charge.limit)])
}

/** Returns the kind of units that a limit with reservations counts. */
function unitOf(limit: Limit): 'tokens' | 'money' {
  return currencyOf(limit) === undefined ? 'tokens' : 'money'
}

/** Returns a settlement of the units that the store took. */
function asTaken(settlement: Settlement): Settlement {
  const { charge, taken } = settlement
  // A later settlement of the same charge states what the first one left charged.
  if (settlement.closes !== true) return settlement
  return { ...settlement, taken: { ...taken, cost: takenCost(charge as RuleCharge) } }
}

/** Returns the settlement that closes the reservation of a settled charge. */
function closing({ charge, taken, cost, closes }: Settlement): Settlement[] {
  const isNew = closes !== true && cost > taken.cost
  if (!reserves(charge as RuleCharge) || (closes !== true && !isNew)) return []
  // Usage that was never reserved only opens the window.
  const reserved = reservation(charge as RuleCharge, isNew ? 0 : taken.cost)
  const remainder = cost === 0 ? 0 : 1
  if (reserved.cost === remainder) return []
  return [{ charge: reserved, taken: { ...taken, cost: reserved.cost }, cost: remainder }]
}

/** Returns the charge that counts a reservation. It is a shadow charge, so a full count refuses nothing. */
function reservation({ scope, key, limit }: RuleCharge, cost: number): Charge {
  const { part, weight } = RESERVED[unitOf(limit)]
  return {
    scope: scope + RESERVED_SUFFIX,
    key,
    limit: { ...limit, limit: UNBOUNDED } as Limit,
    cost: cost === 0 ? 0 : Math.min(Math.ceil(cost / part) * weight + 1, UNBOUNDED),
    enforce: false,
  }
}

/** Returns the units that open requests have reserved, from the verdict on their count. */
function reservedBy({ remaining }: StoreVerdict, { limit }: RuleCharge): number {
  const { part, weight } = RESERVED[unitOf(limit)]
  return Math.floor((UNBOUNDED - remaining) / weight) * part
}

/** Returns a charge that takes nothing and whose verdict shows the use above the limit. */
function unboundedCharge({ scope, key, limit }: RuleCharge): Charge {
  // The rate of a token bucket is part of its limit, and its debt shows in its recovery time.
  const unbounded = limit.algorithm === 'token-bucket' ? limit : ({ ...limit, limit: UNBOUNDED } as Limit)
  return { scope, key, limit: unbounded, cost: 0 }
}

/** Returns the units in use, for the verdict on an unbounded charge. */
function usedOf(limit: Limit, { remaining, resetAfter }: StoreVerdict): number {
  return limit.algorithm === 'token-bucket'
    ? (resetAfter * limit.limit) / limit.period
    : UNBOUNDED - remaining
}

/** Adds the use above a soft limit to the verdict on a charge. */
function withOverrun({ limit }: RuleCharge, verdict: AccountedVerdict, now: StoreVerdict): AccountedVerdict {
  const { resetAfter, moreAfter, degraded } = now
  // A failure policy does not know the use of the key.
  if (degraded !== undefined) return copyOf(verdict, { degraded })
  const overrun = usedOf(limit, now) - capacityOf(limit)
  const changed = copyOf(verdict, { remaining: Math.max(0, Math.floor(-overrun)), resetAfter, moreAfter })
  return overrun > 0 ? { ...changed, overrun } : changed
}

/** Returns the verdict of a soft limit that the request exceeds. */
function admittedBy(verdict: AccountedVerdict): AccountedVerdict {
  return copyOf(verdict, { allowed: true, retryAfter: 0 })
}

/** Copies a verdict whose properties may be computed when they are read. */
function copyOf(verdict: AccountedVerdict, changes: Partial<StoreVerdict>): AccountedVerdict {
  const { allowed, at, remaining, resetAfter, retryAfter, moreAfter } = verdict
  const { overflow, degraded, remembered, reserved } = verdict
  return {
    ...{ allowed, at, remaining, resetAfter, retryAfter, moreAfter },
    ...(overflow && { overflow }),
    ...(degraded && { degraded }),
    ...(remembered && { remembered }),
    ...(reserved !== undefined && { reserved }),
    ...changes,
  }
}
