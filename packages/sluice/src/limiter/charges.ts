import { capacityOf, type Limit } from '../limits/limit.js'
import type { MaybePromise } from '../maybe-promise.js'
import type { Client } from '../rules/client.js'
import type { CompiledRule } from '../rules/compiled-rule.js'
import type { KeyFor } from '../rules/key-spec.js'
import { type AppliesTo, applicableLimit } from '../rules/rule-condition.js'
import { scaleLimit } from '../rules/scale.js'
import type { WarmUp } from '../rules/warm-up.js'
import { nextLease } from '../stores/lease-name.js'
import type { Charge, StoreVerdict } from '../stores/store.js'
import type { Quota } from './decision.js'
import { type AccountedVerdict, type QuotaWarning, warningOfVerdict } from './warning.js'

/** A rule with the scope of its state in the store. */
export interface ScopedRule<Request> extends CompiledRule<Request> {
  readonly scope: string
}

/** The charge of one rule for one request. */
export interface RuleCharge extends Charge {
  readonly rule: Pick<
    ScopedRule<never>,
    'name' | 'resource' | 'enforce' | 'waiting' | 'window' | 'classes' | 'firstTokenMs' | 'warnings'
  >
  /**
   * Milliseconds until the warm-up has raised the limit enough to admit the charge: 0 if the limit
   * is already high enough, Infinity if it never will be.
   */
  readonly fitsAfter: number
}

/** The current scale of limits, from a warm-up. */
export type Scaling = Pick<WarmUp, 'scale' | 'until'>

/** The results of a rule's functions so far; each function is called once. */
interface PartialCharge {
  readonly applies?: Promise<boolean>
  /** Present only if the rule applies. */
  readonly fullLimit?: MaybePromise<Limit | undefined>
  readonly cost?: MaybePromise<number>
  readonly key?: Promise<string>
}

/** The last results of functions that adjacent rules share. */
export interface KnownResults<Request> {
  readonly keyFor: KeyFor<Request> | undefined
  /** The key that `keyFor` returned. */
  readonly key: string
  readonly appliesTo: AppliesTo<Request> | undefined
  /** The result of `appliesTo`. */
  readonly applies: boolean
}

/** The state of an asynchronous computation of charges. */
interface Progress<Request> extends KnownResults<Request> {
  readonly request: Request
  readonly client: Client | undefined
  readonly scaling: Scaling | undefined
  readonly charges: RuleCharge[]
  /** The results so far for the first rule. */
  readonly partial: PartialCharge
}

/**
 * Computes the charges of rules one after the other. A function of the first rule has returned a
 * promise.
 */
export async function laterCharges<Request>(
  rules: readonly ScopedRule<Request>[],
  progress: Progress<Request>,
): Promise<RuleCharge[]> {
  const { request, client, scaling, charges } = progress
  let { keyFor, key, appliesTo, applies } = progress
  let { partial } = progress
  for (const rule of rules) {
    try {
      if (partial.applies !== undefined || (rule.appliesTo !== appliesTo && rule.appliesTo !== undefined)) {
        applies = await (partial.applies ?? (rule.appliesTo as AppliesTo<Request>)(request, client))
        appliesTo = rule.appliesTo
      }
      const isIncluded = applies || rule.appliesTo === undefined
      const fullLimit = isIncluded ? await (partial.fullLimit ?? rule.limitFor(request, client)) : undefined
      if (fullLimit !== undefined) {
        const limit = scaled(rule, fullLimit, scaling)
        const cost = await (partial.cost ?? rule.costFor(request, limit))
        if (partial.key !== undefined || rule.keyFor !== keyFor) {
          key = await (partial.key ?? rule.keyFor(request, client))
          keyFor = rule.keyFor
        }
        charges.push(chargeOf(rule, key, limit, cost, fitsAfter(cost, limit, fullLimit, scaling)))
      }
    } catch (error) {
      if (rule.enforce) throw error
    }
    partial = {}
  }
  return charges
}

/** Returns the limit as scaled by the current warm-up. */
export function scaled(
  { shared }: Pick<ScopedRule<never>, 'shared'>,
  fullLimit: Limit,
  scaling: Scaling | undefined,
): Limit {
  return scaling === undefined || shared ? fullLimit : scaleLimit(fullLimit, scaling.scale)
}

/**
 * Returns charges of cost 0, which consume nothing and report the state of the keys. Skips rules
 * whose key or limit function returns a promise or throws, and rules that are unlimited for the
 * client.
 */
export function zeroCharges<Request>(
  rules: readonly ScopedRule<Request>[],
  request: Request,
  client: Client | undefined,
  scaling: Scaling | undefined,
): RuleCharge[] {
  return rules.flatMap((rule) => {
    const limit = trySync(() => applicableLimit(rule, request, client))
    const key = limit && trySync(() => rule.keyFor(request, client))
    if (limit?.value === undefined || key === undefined) return []
    return [chargeOf(rule, key.value, scaled(rule, limit.value, scaling), 0, 0)]
  })
}

/** Returns the result of a function; undefined if it returns a promise or throws. */
function trySync<T>(compute: () => MaybePromise<T>): { readonly value: T } | undefined {
  try {
    const value = compute()
    if (!(value instanceof Promise)) return { value }
    value.catch(() => {})
    return undefined
  } catch {
    return undefined
  }
}

/** Returns the charge of a rule. A charge for slots gets a new lease unless one is passed. */
export function chargeOf(
  rule: RuleCharge['rule'] & Pick<ScopedRule<never>, 'scope' | 'penalty'>,
  key: string,
  limit: Limit,
  cost: number,
  fitsAfter: number,
  existingLease?: string,
): RuleCharge {
  const { scope, enforce, penalty } = rule
  const lease = existingLease ?? (limit.algorithm === 'concurrency' ? nextLease() : undefined)
  return { rule, scope, key, limit, cost, lease, enforce, penalty, fitsAfter }
}

const NEVER = Number.POSITIVE_INFINITY

/**
 * Returns the milliseconds until the warm-up has raised the limit enough to admit a cost: 0 if the
 * limit is already high enough, Infinity if it never will be.
 */
export function fitsAfter(
  cost: number,
  limit: Limit,
  fullLimit: Limit,
  scaling: Scaling | undefined,
): number {
  if (cost <= capacityOf(limit)) return 0
  if (scaling === undefined || cost > capacityOf(fullLimit)) return NEVER
  return scaling.until(cost / capacityOf(fullLimit))
}

/** Returns the quotas of a request from the verdicts of the store. */
export function quotasOf(charges: readonly RuleCharge[], verdicts: readonly StoreVerdict[]): Quota[] {
  return charges.map(
    (charge, index) => new RequestQuota(charge, charge.fitsAfter, verdicts[index] as StoreVerdict),
  )
}

/** The quota of one rule. It is a class for the same reason as `JudgedVerdict`. */
export class RequestQuota implements Quota {
  readonly rule: string
  readonly resource: string
  readonly key: string
  readonly limit: Limit
  readonly cost: number
  readonly allowed: boolean
  readonly enforced: boolean
  readonly remaining: number
  readonly resetAfter: number
  readonly moreAfter: number
  readonly retryAfter: number
  // Only the quotas of rules with `warn` or `soft` have these properties.
  declare readonly warning?: QuotaWarning
  declare readonly overrun?: number

  constructor(
    charge: Pick<RuleCharge, 'rule' | 'key' | 'limit' | 'cost'>,
    fitsAfter: number,
    verdict: StoreVerdict,
  ) {
    const { rule, key, limit, cost } = charge
    const { resetAfter, retryAfter } = verdict
    this.rule = rule.name
    this.resource = rule.resource
    this.key = key
    this.limit = limit
    this.cost = cost
    this.allowed = verdict.allowed
    this.enforced = rule.enforce
    this.remaining = verdict.remaining
    this.resetAfter = resetAfter
    this.moreAfter = verdict.moreAfter
    // A charge above the scaled limit fits once the limit has grown and all usage has expired.
    this.retryAfter = retryAfter === NEVER && fitsAfter > 0 ? Math.max(fitsAfter, resetAfter) : retryAfter
    if (rule.warnings !== undefined && rule.enforce) {
      const warning = warningOfVerdict(rule.warnings.thresholds, limit, verdict)
      const { overrun } = verdict as AccountedVerdict
      if (warning !== undefined) this.warning = warning
      if (overrun !== undefined) this.overrun = overrun
    }
  }
}
