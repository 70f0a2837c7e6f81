import type { Limit } from '../limits/limit.js'
import type { Resource } from '../rules/rule.js'
import type { Degraded } from '../stores/store.js'
import type { Permit } from './permit.js'

/** How a request stands with one rule. Times are milliseconds from the decision. */
export interface Quota {
  /** The rule's name. */
  readonly rule: string
  readonly resource: Resource
  /** The key that it is counted for, as the store has it. */
  readonly key: string
  readonly limit: Limit
  /** What this request takes. */
  readonly cost: number
  /** Whether this rule by itself would let the request in. */
  readonly allowed: boolean
  /** `false` for a shadow rule. */
  readonly enforced: boolean
  /** Whole units left: after this request where it was let in, else as if it had not come. */
  readonly remaining: number
  /** Until nothing is used. */
  readonly resetAfter: number
  /** Until `remaining` grows. */
  readonly moreAfter: number
  /** Until this rule would let the request in: 0 where it does, Infinity where it never will. */
  readonly retryAfter: number
}

/** Why a request was refused. */
export interface Refusal {
  /** The rule that refused; of several, the one that will do so for longest. */
  readonly rule: string
  readonly resource: Resource
  readonly key: string
  readonly limit: Limit
  readonly cost: number
  readonly remaining: number
  /**
   * Milliseconds until the whole request would be let in if nothing else came. Infinity where it asks for more than a
   * limit can ever hold.
   */
  readonly retryAfter: number
  /**
   * `exceeded`: come back later. `oversized`: it can never be let in with this cost. `busy`: it waited for a slot as long as it may, or too
   * many wait already.
   */
  readonly reason: 'exceeded' | 'oversized' | 'busy'
  /** Names of all the rules that refused. */
  readonly violated: readonly string[]
}

/** What every answer says. */
interface Answer {
  /** How the request stands with each rule, in the order of the rules. */
  readonly quotas: readonly Quota[]
  /** Set where the store did not answer and this was decided without it. */
  readonly degraded?: Degraded
}

/** The limiter's answer to a request. */
export type Decision =
  | (Answer & { readonly allowed: true; readonly permit: Permit })
  | (Answer & { readonly allowed: false; readonly refusal: Refusal })

/** What the answer would be; nothing was taken. */
export type Forecast =
  | (Answer & { readonly allowed: true })
  | (Answer & { readonly allowed: false; readonly refusal: Refusal })

/** Why the enforced rules refuse; undefined where none does. */
export function refusalOf(quotas: readonly Quota[]): Refusal | undefined {
  const refusing = quotas.filter((quota) => quota.enforced && !quota.allowed)
  const [first, ...others] = refusing
  if (first === undefined) return undefined
  const longest = others.reduce((most, quota) => (quota.retryAfter > most.retryAfter ? quota : most), first)
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
