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
  /**
   * The number of slots. With `auto`, they follow a model server whose responses stream: a request is
   * sent when the server has taken most of those before it into its batch, so that its own queue stays
   * at a few requests. Requires `wait`. The permit must report how the response goes: see
   * `Permit.began`. The bounds are those of `HandOverWindow`.
   *
   *     { concurrent: 'auto', by: 'everyone', wait: '10s' }
   */
  readonly concurrent:
    | number
    | 'auto'
    | { readonly auto: AutomaticOptions }
    | ((request: Request, client: Client | undefined) => MaybePromise<number>)
  /** How long a slot is held without being renewed: milliseconds or a duration. Default: `30s`. */
  readonly lease?: number | string
  /** By the client's tier: a multiplier of the slots, or `unlimited`. */
  readonly tiers?: Tiers<never>
  /**
   * Serves the requests that wait in fair shares: those of the tenant first that has been served
   * least. Names the tenants in the words of `by`: `client`, `client.org`, or a function of the
   * request. If the line is full, a request takes the last place of the tenant with the longest
   * queue, if that is longer than its own. Requires `wait`. Default: first come, first served.
   *
   *     { concurrent: 32, by: 'everyone', wait: '10s', fair: 'client', weights: { premium: 4 } }
   *
   * Tenants that wait get equal service, divided by their weights, except for at most the work of
   * one request and the errors of the predictions in flight.
   */
  readonly fair?: KeySpec<Request>
  /**
   * The weight of tenants by the client's tier: a tenant of weight 4 gets four times the service of
   * one of weight 1. More than 0, at most a million. Requires `fair`. Default: 1.
   */
  readonly weights?: Readonly<Record<string, number>>
  /**
   * Returns the class of a request, one of `classes`. Use only what the client cannot choose, such as
   * its tier. Requires `wait`. Default: all requests are of one class.
   */
  readonly class?: (request: Request, client: Client | undefined) => MaybePromise<string>
  /**
   * The classes of requests, the first one served first: 2 to 16 names, all but the first with options.
   * A request of a lower class is served only while none of a higher one waits, except for its floor.
   * If the line is full, a request takes the place of one of a lower class. Requires `class`.
   *
   *     {
   *       ...{ concurrent: 32, by: 'everyone', wait: '10s' },
   *       classes: ['interactive', { batch: { floor: '10%' } }],
   *       class: (request, client) => (client?.tier === 'batch' ? 'batch' : 'interactive'),
   *     }
   */
  readonly classes?: readonly (string | Readonly<Record<string, ClassOptions>>)[]
  /**
   * The time in which a response must begin: milliseconds or a duration such as `2s`, up to 24 days. A
   * request whose response cannot begin in time is refused without being sent; one is sent all the
   * same every 5 s if no other is on its way, to learn whether that is still so. Requires
   * `concurrent: 'auto'`, which learns when responses begin. `beginWithin` of a call may shorten it.
   * Default: no deadline.
   */
  readonly firstToken?: number | string
  /**
   * Predicts the work of a request, which is charged to its tenant when it is admitted. `wrote` and
   * `served` of its permit correct it. A number is input. Requires `fair` or `concurrent: 'auto'`.
   * Default: the cost of the rule.
   */
  readonly work?: (request: Request) => MaybePromise<number | PredictedWork>
}

/** How `concurrent: 'auto'` follows a server. */
export interface AutomaticOptions {
  /** Maximum number of requests in flight, whatever the server takes. At least 1. Default: 1024. */
  readonly max?: number
  /** The number of servers behind the address, from 1 to 1024. Default: 1. */
  readonly replicas?: number
  /**
   * The time per output token that streams shall keep: milliseconds or a duration such as `60ms`, up
   * to a minute. Fewer requests are in flight if streams are slower. Default: none.
   */
  readonly gap?: number | string
  /** What to favor: a short queue in the server, or that it is never idle. Default: `latency`. */
  readonly keep?: 'latency' | 'throughput'
  /**
   * True if the server works before its first output on something that it does not report, such as
   * tools. Its queue cannot be told from this work, so only `max`, `gap`, `metrics` and the server's
   * own refusals limit requests. Default: false.
   */
  readonly hidden?: boolean
  /**
   * The URL of the server's own metrics in the Prometheus format. Only lines with `watchLoad` read
   * it; the gateway has them. Default: none.
   */
  readonly metrics?: string
}

/** How a class is served beside those above it. */
export interface ClassOptions {
  /**
   * The part of the service that the class gets at least while it waits, from 0 to 1 or as a
   * percentage such as `5%`. All floors together are less than 1. Default: 0.05.
   */
  readonly floor?: number | string
  /**
   * The part of the slots that the class may use, more than 0 and at most 1, or as a percentage such as
   * `50%`, so that the first class finds some free. At least one slot. Default: 0.9.
   */
  readonly slots?: number | string
}

/** The predicted work of a request: what a server reads and writes, such as tokens. */
export interface PredictedWork {
  /** Default: 0. Without `input` and `output`, the cost of the rule is the input. */
  readonly input?: number
  /** Default: 0. */
  readonly output?: number
  /**
   * False if the response comes as a whole, so that its beginning is not seen. Matters only with
   * `concurrent: 'auto'`. Default: true.
   */
  readonly isStream?: boolean
  /** What a unit of input and of output weigh. Default: 1 and 2. */
  readonly counts?: { readonly input: number; readonly output: number }
}

export type Rule<Request> = RateRule<Request> | ConcurrencyRule<Request>
