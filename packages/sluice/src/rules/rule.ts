import type { Counting } from '../limits/grammar.js'
import type { Limit } from '../limits/limit.js'
import type { MaybePromise } from '../maybe-promise.js'
import type { Client } from './client.js'
import type { KeySpec } from './key-spec.js'
import type { Tiers } from './tiers.js'

/**
 * The resource that a rule counts. `concurrent` is reserved for rules with `concurrent`, and `money`
 * for rules whose limit is an amount of money.
 */
export type Resource = 'requests' | 'tokens' | 'input_tokens' | 'output_tokens' | 'money' | (string & {})

/** A limit string such as `10/minute` or `20 USD/day`, or a limit object. */
export type LimitSpec = string | Limit

interface RuleOptions<Request> {
  /**
   * The name in refusals, headers and metrics: up to 64 printable ASCII characters. Default: the
   * resource, numbered if there are several.
   *
   * A named rule keeps its state as long as it keeps its name, whatever else changes. An unnamed
   * rule is identified by its resource, key, algorithm and period. It keeps its state when other
   * rules change, and starts empty when its own period or algorithm changes.
   */
  readonly name?: string
  /**
   * The key under which requests are counted. Default: the client, or the request itself for a
   * limiter of plain keys.
   */
  readonly by?: KeySpec<Request>
  /**
   * The cost of one request: zero or more. Default: 1. A function also gets the limit, so an
   * estimate can stay within its capacity. A rule that counts money requires a cost, in whole units
   * of 10^-9 of its currency, as `priceOf` returns them.
   */
  readonly cost?: number | ((request: Request, limit: Limit) => MaybePromise<number>)
  /**
   * The cost of a request whose cost cannot be computed. Default: a RequestError. A malformed
   * request (MalformedRequestError) is always an error.
   */
  readonly fallbackCost?: number
  /**
   * Reports whether the rule applies to a request. It charges nothing for other requests, and does not
   * list them in the quotas. Called once per request, before `limit`, `by` and `cost`. Default: the
   * rule applies to every request.
   *
   *     { limit: '10/minute', when: (request) => request.method === 'POST' }
   */
  readonly when?: (request: Request, client: Client | undefined) => MaybePromise<boolean>
  /** `false` makes a shadow rule: it counts and decides, but never refuses. Default: `true`. */
  readonly enforce?: boolean
  /**
   * `true` shares the state with the same shared rule of every other limiter on the store. Two
   * shared rules are the same if they have the same name or, without names, the same resource, key,
   * algorithm and period. A rule whose `by` is a function needs a name.
   */
  readonly shared?: boolean
  /**
   * Maximum time that a request waits until this rule admits it, up to 24 days: milliseconds or a
   * duration such as `5s`. A waiting request holds nothing. Requests of all limiters on a store that
   * wait for the same rule and key are served first come, first served. A request waits only if all rules that refuse it have `wait`, and if it costs no more
   * than the limit can hold. Default: it is refused at once.
   */
  readonly wait?: number | string
  /**
   * Maximum number of requests that wait for one key of this rule in this process, from 1 to
   * 10,000. Requires `wait`. Default: 100.
   */
  readonly queue?: number
}

/** A limit over time. */
export interface RateRule<Request> extends RuleOptions<Request>, Counting {
  /**
   * One limit, several joined with `;`, `,` or `|`, or a function that returns one limit or
   * `unlimited`.
   */
  readonly limit: LimitSpec | ((request: Request, client: Client | undefined) => MaybePromise<LimitSpec>)
  /** Default: `requests`. `money` requires a limit with a currency, such as `20 USD/day`. */
  readonly of?: Resource
  /**
   * By the client's tier: a multiplier of the limit, a limit that replaces it, or `unlimited`. Default:
   * the `tiers` of the limiter, unless clients share the key of the rule.
   */
  readonly tiers?: Tiers<LimitSpec>
  /**
   * How long a key is refused after the limit has refused one of its requests: milliseconds or a
   * duration such as `15m`, up to ten years. The first refusal by this rule starts the penalty;
   * further requests neither extend nor renew it. It starts none if only other rules refuse, or if
   * the request costs more than the limit can hold. A shadow rule simulates its penalties. The rule
   * cannot have `wait`. Default: no penalty.
   */
  readonly penalty?: number | string
  /**
   * The factor by which each further penalty of a key is longer than the one before: more than 1, at
   * most 100. Requires `penalty` and `penaltyMax`. Default: all have the same length.
   */
  readonly penaltyGrowth?: number
  /**
   * The longest penalty, as milliseconds or a duration such as `1d`. If a key has no penalty for this
   * long, its next one has the length `penalty` again. Requires `penaltyGrowth`.
   */
  readonly penaltyMax?: number | string
  /**
   * Thresholds of the limit, such as `['80%', '95%']` or `[0.8, 0.95]`: one to ten, each more than 0
   * and at most 100 %, or 1000 % with `soft`. At each threshold that a key reaches, the limiter emits
   * the event `threshold`, and responses carry `Sluice-Warning`. Requires a fixed window, and excludes
   * `penalty`. A shadow rule is silent.
   *
   * Settled use counts: a computed cost in `tokens`, `input_tokens`, `output_tokens` or `money`
   * counts once the permit is settled, and any other cost once it is taken. Default: no thresholds.
   */
  readonly warn?: readonly (number | string)[]
  /**
   * `true` makes a soft limit: requests above it are admitted and counted, and the client is told
   * by `Sluice-Warning`. It excludes `penalty` and `wait`. A shadow rule is silent. Default: `false`.
   */
  readonly soft?: boolean
}

/** A limit on requests in flight. */
export interface ConcurrencyRule<Request> extends RuleOptions<Request> {
  /** The number of slots. */
  readonly concurrent: number | ((request: Request, client: Client | undefined) => MaybePromise<number>)
  /** How long a slot is held without being renewed: milliseconds or a duration. Default: `30s`. */
  readonly lease?: number | string
  /** By the client's tier: a multiplier of the slots, or `unlimited`. */
  readonly tiers?: Tiers<never>
}

export type Rule<Request> = RateRule<Request> | ConcurrencyRule<Request>
