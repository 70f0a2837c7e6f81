import type { Counting } from '../limits/grammar.js'
import type { Limit } from '../limits/limit.js'
import type { MaybePromise } from '../maybe-promise.js'
import type { Client } from './client.js'
import type { KeySpec } from './key-spec.js'
import type { Tiers } from './tiers.js'

/** What is counted. `concurrent` is counted by a rule with `concurrent` only. */
export type Resource = 'requests' | 'tokens' | 'input_tokens' | 'output_tokens' | (string & {})

/** `10/minute`, or the same as data. */
export type LimitSpec = string | Limit

interface RuleOptions<Request> {
  /**
   * What refusals, headers and metrics call the rule: printable ASCII, up to 64 characters. Default: the resource,
   * numbered where there are several.
   *
   * The state of a named rule is kept under the name, whatever else of the rule changes. An unnamed rule is known by
   * what it counts (resource, key, algorithm and period): it keeps its state when the rules around it change, and
   * begins empty when its own period or algorithm does.
   */
  readonly name?: string
  /** Whom it is counted for. Default: the client; for a limiter of plain keys, the key that it is asked about. */
  readonly by?: KeySpec<Request>
  /**
   * How much one request takes: zero or more. Default 1. A function is told the limit too, for an estimate that should not
   * ask for more than it can hold.
   */
  readonly cost?: number | ((request: Request, limit: Limit) => MaybePromise<number>)
  /**
   * What a request takes whose cost cannot be worked out. Default: such a request is a RequestError. A MalformedRequestError
   * is never charged the fallback.
   */
  readonly fallbackCost?: number
  /** `false`: decided and counted, but never a reason to refuse. */
  readonly enforce?: boolean
  /**
   * `true`: counted together with the same shared rule of all limiters on this store, whatever they are called. The same
   * rule is the one of that name or, without a name, the one that counts the same; a rule whose `by` is a function needs
   * a name. No request waits for the slots of a shared rule.
   */
  readonly shared?: boolean
}

/** A limit over time. */
export interface RateRule<Request> extends RuleOptions<Request>, Counting {
  /** One limit, several joined with `;`, or a function of the request that gives one or `unlimited`. */
  readonly limit: LimitSpec | ((request: Request, client: Client | undefined) => MaybePromise<LimitSpec>)
  /** Default: `requests`. */
  readonly of?: Resource
  /** By the client's tier: how many times the limit, one limit in its place, or `unlimited`. */
  readonly tiers?: Tiers<LimitSpec>
}

/** A limit on what is in flight. */
export interface ConcurrencyRule<Request> extends RuleOptions<Request> {
  /** How many may be in flight. */
  readonly concurrent: number | ((request: Request, client: Client | undefined) => MaybePromise<number>)
  /** How long a slot is held without being renewed: milliseconds, or `30s`, which is the default. */
  readonly lease?: number | string
  /** How long a request waits for a slot, first come, first served: milliseconds, or `2s`. Default: it does not wait. */
  readonly wait?: number | string
  /** How many may wait for the slots of one key, in this process; from 1 to 10,000. Default 100. */
  readonly queue?: number
  /** By the client's tier: how many times as many, or `unlimited`. */
  readonly tiers?: Tiers<never>
}

export type Rule<Request> = RateRule<Request> | ConcurrencyRule<Request>
