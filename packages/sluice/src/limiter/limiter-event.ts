import type { Limit } from '../limits/limit.js'
import type { Client } from '../rules/client.js'
import type { Resource } from '../rules/rule.js'
import type { Degraded } from '../stores/store.js'
import type { Quota, Refusal } from './decision.js'

interface OfRequest<Request> {
  readonly request: Request
  /** Undefined for a visitor. */
  readonly client: Client | undefined
}

interface Decided<Request> extends OfRequest<Request> {
  /** How the request stands with each rule. */
  readonly quotas: readonly Quota[]
  /** Set where the store did not answer and this was decided without it. */
  readonly degraded?: Degraded
  /** How long it took, in milliseconds; the wait for a slot included. */
  readonly took: number
}

interface OfRule {
  /** The rule's name. */
  readonly rule: string
  readonly resource: Resource
  /** The key that it is counted for, as the store has it. */
  readonly key: string
}

/** Something that a limiter did. Times are milliseconds. */
export type LimiterEvent<Request = unknown> =
  | (Decided<Request> & { readonly type: 'allowed' })
  | (Decided<Request> & { readonly type: 'refused'; readonly refusal: Refusal })
  /** A shadow rule would have refused it. Comes before `allowed` or `refused`. */
  | (OfRequest<Request> & { readonly type: 'shadow-refused'; readonly quota: Quota })
  /** What a request truly cost, beside what was taken for it. */
  | (OfRule & { readonly type: 'settled'; readonly taken: number; readonly cost: number })
  /** Slots are free again after so long. */
  | (OfRule & { readonly type: 'released'; readonly slots: number; readonly held: number })
  /**
   * The store did not answer for a decision: told once, until it answers again. Either the decision was made without it, or
   * there was none and `cause` says why.
   */
  | { readonly type: 'store-failed'; readonly degraded: Degraded }
  | { readonly type: 'store-failed'; readonly cause: unknown }
  /** The store decides again, after so long without it. */
  | { readonly type: 'store-recovered'; readonly lost: number }
  /** A client has another tier than at its last request. Of the 10,000 clients that came last. */
  | {
      readonly type: 'tier-changed'
      readonly client: string
      readonly from: string | undefined
      readonly to: string | undefined
    }
  /** A rule has another limit than at the last request of a client of the same tier: as while a model warms up. */
  | {
      readonly type: 'limit-changed'
      readonly rule: string
      readonly tier: string | undefined
      readonly from: Limit
      readonly to: Limit
    }

/** Is told what a limiter does, as it does it. It should be quick, and what it throws is dropped: no request may fail by it. */
export type LimiterListener<Request = unknown> = (event: LimiterEvent<Request>) => void
