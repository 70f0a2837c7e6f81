import type { Penalty } from '../algorithms/penalty.js'
import type { Limit } from '../limits/limit.js'
import type { MaybePromise } from '../maybe-promise.js'
import type { Resource } from '../rules/rule.js'
import type { Decision, Forecast } from './decision.js'
import type { Permit } from './permit.js'
import type { Usage } from './usage.js'

export interface AdmitOptions {
  /**
   * Maximum time that this request waits until the rules admit it, up to 24 days: milliseconds or a
   * duration such as `5s`. Replaces `wait` of every rule:
   *
   *     const decision = await limiter.admit('provider', { wait: '5s', signal })
   *
   * Requests that wait for the same rule and key are served first come, first served. A request of
   * a rule without its own `wait` that does not wait is decided at once, ahead of the queue.
   * No request waits for a rule with `penalty`. Default: the rules' own `wait`.
   *
   * @throws RangeError for an invalid duration.
   */
  readonly wait?: number | string
  /**
   * Maximum number of requests in the queue that this request may join, from 1 to 10,000. Requires
   * `wait`. Default: 100.
   */
  readonly queue?: number
  /**
   * The time in which the caller wants the response to begin, in milliseconds. It can shorten the
   * deadline of a rule with `firstToken`, and has no effect under other rules. Default: the rule's own.
   *
   * @throws RangeError unless it is more than 0.
   */
  readonly beginWithin?: number
  /**
   * Aborts the wait: `admit` rejects with the signal's reason, and the place in the queue is free.
   * Has no effect on requests that do not wait.
   */
  readonly signal?: AbortSignal
  /**
   * The body of the request, if rules need it. The request is charged to rules that do not read the
   * body before it is received. The other rules, and all `concurrent` rules, decide afterwards:
   *
   * - If the first rules refuse, `receive` is never called.
   * - If the later rules refuse, the first charges are refunded, so a refused request is not
   *   charged.
   * - If the body cannot be received or read, the request stays charged to the first rules and
   *   `admit` rejects with the error.
   */
  readonly body?: RequestBody
  /**
   * Identifies the caller that waits if the request has no client, for example by address. One
   * caller may use at most half of a queue that it shares with others, unless the call sets `wait`.
   */
  readonly waiter?: string
}

/** The body of a request that awaits its decision. */
export interface RequestBody {
  /** True if the body has arrived. One call to the store then decides on all rules. */
  readonly isHere: boolean
  /**
   * Receives and reads the body. Called at most once.
   *
   * @param held the permit of the first rules; undefined if nothing has been charged yet. If the
   *   client is not at fault for an error, cancel the permit before rejecting.
   */
  receive(held: Pick<Permit, 'cancel'> | undefined): MaybePromise<void>
}

/** Selects the rule whose usage is read or changed. */
export interface UsageOptions {
  /**
   * The name of the rule. A rule with several limits is selected with all of them. Default: every rule;
   * for `charge` and `refund`, every rule except those with `concurrent`. Required if these rules
   * count different resources, and for a key if they count by different keys.
   */
  readonly rule?: string
}

/** A rule of a limiter. A rule with several limits appears once for each. */
export interface LimiterRule {
  readonly name: string
  /** Index into the `rules` option of the limiter. */
  readonly index: number
  readonly resource: Resource
  /** The scope of its keys in the store. A store can be queried with a scope and a key. */
  readonly scope: string
  /** True if the rule shares its state with the same rule in other limiters. */
  readonly shared: boolean
  /** `false` for a shadow rule. */
  readonly enforce: boolean
  /** The limit of a client without a tier, before warm-up. Undefined if a function computes it. */
  readonly limit: Limit | undefined
  /** Undefined for a rule without `penalty`. */
  readonly penalty: Penalty | undefined
}

/** Admits or refuses requests. */
export interface Limiter<Request> {
  /** The rules in order; a rule with several limits appears once for each. */
  readonly rules: readonly LimiterRule[]
  /**
   * Decides on a request and charges its cost under every rule or under none. With the memory store
   * the result is a decision and not a promise, unless the request waits, or a function of the options
   * returns a promise.
   *
   * @throws RequestError if the request lacks something that a rule needs to compute its cost, or
   *   is forbidden. Also throws the errors of the rules' functions and of the store. A shadow rule
   *   whose function throws is skipped.
   */
  admit(request: Request, options?: AdmitOptions): MaybePromise<Decision>
  /** Returns the decision that `admit` would make now. Charges nothing and does not wait. */
  peek(request: Request): MaybePromise<Forecast>
  /**
   * Returns what the request's keys have used and have left under each rule, for a page or an
   * endpoint where clients look it up. Charges nothing. Unlike `peek`, it neither computes costs nor
   * checks `require`, so the request needs no body:
   *
   *     const { rules } = await limiter.usage('user-42')
   *     for (const { rule, left, resetAfter } of rules) console.log(rule, left, resetAfter)
   *
   * A rule whose limit or key cannot be computed for this request is listed in `unknown`.
   *
   * @throws TypeError if `rule` is unknown. Also throws the errors of `client` and of the store.
   */
  usage(request: Request, options?: UsageOptions): Promise<Usage>
  /**
   * Adds `cost` units to the usage of a request or key without a decision, for example after a failed
   * login. It always counts: usage beyond the limit becomes a debt that recovers at the rate of the
   * limit.
   *
   *     await limiter.charge('user-42', 5)
   *
   * A limiter with the option `keys`, such as that of an adapter, also takes a key instead of a
   * request: the string that `by` returns, the address for `ip`, or `client ID` for a client. It is
   * counted under the limit for clients without a tier.
   *
   * @throws TypeError if `rule` is required or unknown; TypeError, RangeError for a cost that the
   *   limit cannot count. Also throws the errors of the rules' functions and of the store.
   */
  charge(request: Request | string, cost: number, options?: UsageOptions): Promise<void>
  /**
   * Subtracts `cost` units from the usage of a request or key, down to zero. Units that were charged
   * last are refunded first.
   *
   * @throws as `charge` does
   */
  refund(request: Request | string, cost: number, options?: UsageOptions): Promise<void>
  /**
   * Deletes the usage of the request's key in every rule, or in one, and ends its penalties. Takes a
   * key where `charge` does.
   *
   * @throws TypeError if `rule` is required or unknown.
   */
  reset(request: Request | string, options?: UsageOptions): MaybePromise<void>
  /** Closes the store that the limiter created. A store that was passed in stays open. */
  close(): MaybePromise<void>
}
