import { capacityOf, type Limit } from '../limits/limit.js'
import { andThen, type MaybePromise } from '../maybe-promise.js'
import type { Client } from '../rules/client.js'
import type { Resource } from '../rules/rule.js'
import { applicableLimit } from '../rules/rule-condition.js'
import type { Degraded, Store, StoreVerdict } from '../stores/store.js'
import { chargeOf, type RuleCharge, type Scaling, type ScopedRule, scaled } from './charges.js'
import { type AccountedVerdict, type QuotaWarning, warningOfVerdict } from './warning.js'

/**
 * The usage of a key under one rule. Times are milliseconds from now. Amounts of money are in units of
 * 10^-9 of `limit.currency`; `formatMoney` formats them.
 */
export interface RuleUsage {
  /** The rule's name. */
  readonly rule: string
  readonly resource: Resource
  /** The key that the rule counts by, in the form that the store receives. */
  readonly key: string
  /** The limit that applies now, after the client's tier, overrides and warm-up. */
  readonly limit: Limit
  /** `false` for a shadow rule. */
  readonly enforced: boolean
  /**
   * Units in use, rounded up: the capacity of the limit less `left`, or more than the capacity under
   * a soft limit. Includes what open requests
   * reserve until they are settled. For `concurrent`, the slots that requests hold now.
   */
  readonly used: number
  /**
   * The part of `used` that open requests reserve until they are settled. Set for fixed windows of
   * money, and of tokens with `warn`, whose `cost` is a function. Money is rounded up to millionths
   * of the currency for each request.
   */
  readonly reserved?: number
  /**
   * Whole units that can be taken now. A request whose cost is at most this under each rule is
   * admitted; one unit more is refused. 0 while a penalty runs.
   */
  readonly left: number
  /** Time until no units are used. */
  readonly resetAfter: number
  /** Time until `left` grows; 0 if no units are used. */
  readonly moreAfter: number
  /** Set for a soft limit, which admits requests also when `left` is 0. */
  readonly soft?: true
  /** Set if the rule has `warn` and the settled use of the key has reached a threshold. */
  readonly warning?: QuotaWarning
}

/** A rule whose usage cannot be read for a request, because its limit or key needs something else. */
export interface UnknownUsage {
  readonly rule: string
  readonly resource: Resource
  readonly enforced: boolean
  /** The error of the rule's function. */
  readonly error: unknown
}

/** The result of `usage`: the state of the rules for one caller. Nothing was taken. */
export interface Usage {
  /** The rules in order. Rules that do not apply, or are unlimited for the client, are missing. */
  readonly rules: readonly RuleUsage[]
  /** The rules whose limit or key could not be computed for this request. */
  readonly unknown: readonly UnknownUsage[]
  /** Set if the store failed and a failure policy reported its own state instead. */
  readonly degraded?: Degraded
}

/**
 * Reads the usage of a request's keys with charges of cost 0, which take nothing. Costs are not
 * computed, so the request needs no body.
 */
export async function readUsage<Request>(
  rules: readonly ScopedRule<Request>[],
  request: Request,
  client: Client | undefined,
  scaling: Scaling | undefined,
  store: Pick<Store, 'peek'>,
): Promise<Usage> {
  const charges: RuleCharge[] = []
  const unknown: UnknownUsage[] = []
  const keys = new Map<ScopedRule<Request>['keyFor'], MaybePromise<string>>()
  for (const rule of rules) {
    try {
      const fullLimit = await applicableLimit(rule, request, client)
      if (fullLimit === undefined) continue
      // Rules that share a key function call it once.
      const key = keys.get(rule.keyFor) ?? rule.keyFor(request, client)
      keys.set(rule.keyFor, key)
      charges.push(chargeOf(rule, await key, scaled(rule, fullLimit, scaling), 0, 0))
    } catch (error) {
      const { name, resource, enforce } = rule
      unknown.push({ rule: name, resource, enforced: enforce, error })
    }
  }
  const verdicts = charges.length === 0 ? [] : store.peek(charges)
  return andThen(verdicts, (known) => {
    const degraded = known.find((verdict) => verdict.degraded !== undefined)?.degraded
    const used = charges.map((charge, index) => usageOf(charge, known[index] as StoreVerdict))
    return { rules: used, unknown, ...(degraded && { degraded }) }
  })
}

function usageOf(charge: RuleCharge, verdict: AccountedVerdict): RuleUsage {
  const { rule, key, limit } = charge
  const { remaining: left, resetAfter, moreAfter } = verdict
  const { name, resource, enforce: enforced } = rule
  const used = Math.max(0, Math.ceil(capacityOf(limit) - left + (verdict.overrun ?? 0)))
  const usage = { rule: name, resource, key, limit, enforced, used, left, resetAfter, moreAfter }
  const warning = enforced ? warningOfVerdict(rule.warnings?.thresholds, limit, verdict) : undefined
  const isSoft = enforced && rule.warnings?.soft === true
  return {
    ...usage,
    ...(verdict.reserved !== undefined && { reserved: Math.min(verdict.reserved, used) }),
    ...(isSoft && { soft: true as const }),
    ...(warning && { warning }),
  }
}
