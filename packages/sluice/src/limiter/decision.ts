import type { Limit } from '../limits/limit.js'
import type { Resource } from '../rules/rule.js'
import type { Degraded } from '../stores/store.js'
import type { Permit } from './permit.js'
import type { QuotaWarning } from './warning.js'

/**
 * The state of one rule after a decision on a request. Times are milliseconds from the decision.
 * Amounts of money are in units of 10^-9 of `limit.currency`; `formatMoney` formats them.
 */
export interface Quota {
  /** The rule's name. */
  readonly rule: string
  readonly resource: Resource
  /** The key that the rule counts by, in the form that the store receives. */
  readonly key: string
  readonly limit: Limit
  /** The units that this request takes. */
  readonly cost: number
  /** True if this rule alone would admit the request. */
  readonly allowed: boolean
  /** `false` for a shadow rule. */
  readonly enforced: boolean
  /** Whole units left: after this request if it was admitted, otherwise without it. */
  readonly remaining: number
  /** Time until no units are used. */
  readonly resetAfter: number
  /** Time until `remaining` grows. */
  readonly moreAfter: number
  /**
   * Time until this rule would admit the request: 0 if it already does, Infinity if it never will.
   */
  readonly retryAfter: number
  /** Set if the rule has `warn` and the settled use of the key has reached a threshold. */
  readonly warning?: QuotaWarning
  /** Units in use above a soft limit; absent if there are none. The request is admitted anyway. */
  readonly overrun?: number
}

/** The reason for a refusal. */
export interface Refusal {
  /** The rule that refused. If several did, the one with the longest `retryAfter`. */
  readonly rule: string
  readonly resource: Resource
  readonly key: string
  readonly limit: Limit
  readonly cost: number
  readonly remaining: number
  /**
   * Milliseconds until the whole request would be admitted if no other request arrived. Infinity if
   * it costs more than a limit can ever hold.
   */
  readonly retryAfter: number
  /**
   * - `exceeded`: the request may be retried later.
   * - `oversized`: the request can never be admitted at this cost.
   * - `busy`: it timed out waiting for a slot, or the queue for slots was full.
   */
  readonly reason: 'exceeded' | 'oversized' | 'busy'
  /** The names of all rules that refused. */
  readonly violated: readonly string[]
}

interface DecisionBase {
  /** The state of each rule, in the order of the rules. */
  readonly quotas: readonly Quota[]
  /** Set if the store failed and the decision was made without it. */
  readonly degraded?: Degraded
}

/** The result of `admit`. */
export type Decision =
  | (DecisionBase & { readonly allowed: true; readonly permit: Permit })
  | (DecisionBase & { readonly allowed: false; readonly refusal: Refusal })

export type RefusedDecision = Extract<Decision, { readonly allowed: false }>

/** The result of `peek`: the decision that `admit` would make. Nothing was taken. */
export type Forecast =
  | (DecisionBase & { readonly allowed: true })
  | (DecisionBase & { readonly allowed: false; readonly refusal: Refusal })

/** Returns the refusal by the enforced rules; undefined if none refuses. */
export function refusalOf(quotas: readonly Quota[]): Refusal | undefined {
  const refusing = quotas.filter((quota) => quota.enforced && !quota.allowed)
  const [first, ...others] = refusing
  if (first === undefined) return undefined
  const longest = others.reduce((max, quota) => (quota.retryAfter > max.retryAfter ? quota : max), first)
  const { rule, resource, key, limit, cost, remaining, retryAfter } = longest
  const reason = retryAfter === Number.POSITIVE_INFINITY ? 'oversized' : 'exceeded'
  return {
    rule,
    resource,
    key,
    limit,
    cost,
    remaining,
    retryAfter,
    reason,
    violated: refusing.map((quota) => quota.rule),
  }
}
