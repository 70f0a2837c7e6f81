import type { Limit } from '../limits/limit.js'
import type { Client } from '../rules/client.js'
import type { Resource } from '../rules/rule.js'
import type { Degraded } from '../stores/store.js'
import type { Quota, Refusal } from './decision.js'

interface OfRequest<Request> {
  readonly request: Request
  /** Undefined for an anonymous request. */
  readonly client: Client | undefined
}

interface Decided<Request> extends OfRequest<Request> {
  /** The state of each rule. */
  readonly quotas: readonly Quota[]
  /** Set if the store failed and the decision was made without it. */
  readonly degraded?: Degraded
  /** Duration of the decision in milliseconds, including the wait in a queue. */
  readonly took: number
}

interface OfRule {
  /** The rule's name. */
  readonly rule: string
  readonly resource: Resource
  /** The key that the rule counts by, in the form that the store receives. */
  readonly key: string
}

/** A threshold of a rule's `warn` that the settled use of a key has reached. */
export interface ThresholdReached {
  /** The same for the same rule, key, window and threshold, in every process. */
  readonly id: string
  /** The threshold as a fraction of the limit, such as 0.95. */
  readonly threshold: number
  readonly limit: Limit
  /** Settled units used in the window when the event was emitted. */
  readonly used: number
  /** The start of the window, in milliseconds since 1970. */
  readonly start: number
  /** The end of the window, in milliseconds since 1970. */
  readonly reset: number
}

/** An event of a limiter. Times are in milliseconds. */
export type LimiterEvent<Request = unknown> =
  | (Decided<Request> & { readonly type: 'allowed' })
  | (Decided<Request> & { readonly type: 'refused'; readonly refusal: Refusal })
  /** A shadow rule would have refused the request. Emitted before `allowed` or `refused`. */
  | (OfRequest<Request> & { readonly type: 'shadow-refused'; readonly quota: Quota })
  /**
   * A soft limit admitted a request above it: `quota.overrun` units are in use above the limit.
   * Emitted before `allowed`.
   */
  | (OfRequest<Request> & { readonly type: 'soft-exceeded'; readonly quota: Quota })
  /**
   * The settled use of a key has reached a threshold of a rule's `warn`. Each process that sees it
   * emits the event once, so a fleet may emit it several times with the same `id`. The process
   * remembers at least the 10,000 most recent keys, and emits the event again for others.
   */
  | (OfRule & ThresholdReached & { readonly type: 'threshold' })
  /**
   * A request was settled: `taken` is the cost on admission and of all extensions, and `cost` the
   * actual one. Also emitted by `charge`, with `taken` 0, and by `refund`, with `cost` 0.
   */
  | (OfRule & { readonly type: 'settled'; readonly taken: number; readonly cost: number })
  /** A permit was extended by `cost`. Not reported by `allowed`, and part of `taken` in `settled`. */
  | (OfRule & { readonly type: 'extended'; readonly cost: number })
  /** The limit of a rule could not hold an extension of `cost`. */
  | (OfRule & { readonly type: 'exhausted'; readonly limit: Limit; readonly cost: number })
  /** Slots were released after `held` milliseconds. */
  | (OfRule & { readonly type: 'released'; readonly slots: number; readonly held: number })
  /**
   * The store failed; emitted once per outage. Either the decision was made without the store
   * (`degraded`), or there was no decision (`cause`).
   */
  | { readonly type: 'store-failed'; readonly degraded: Degraded }
  | { readonly type: 'store-failed'; readonly cause: unknown }
  /** The store works again, after an outage of `lost` milliseconds. */
  | { readonly type: 'store-recovered'; readonly lost: number }
  /** The tier of a client changed since its last request. Tracks the 10,000 most recent clients. */
  | {
      readonly type: 'tier-changed'
      readonly client: string
      readonly from: string | undefined
      readonly to: string | undefined
    }
  /** The limit of a rule changed for clients of a tier, for example during a warm-up. */
  | {
      readonly type: 'limit-changed'
      readonly rule: string
      readonly tier: string | undefined
      readonly from: Limit
      readonly to: Limit
    }

/**
 * Receives the events of a limiter as they happen. It runs on the request path, so it should return
 * quickly. Errors that it throws are ignored.
 */
export type LimiterListener<Request = unknown> = (event: LimiterEvent<Request>) => void
