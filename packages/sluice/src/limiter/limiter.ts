import { allOf, andThen, type MaybePromise, toMaybePromise } from '../maybe-promise.js'
import { type Client, checkClient } from '../rules/client.js'
import type { Requirement } from '../rules/requirement.js'
import type { Rule } from '../rules/rule.js'
import { memoryStore } from '../stores/memory/memory-store.js'
import type { Store } from '../stores/store.js'
import { systemTimers } from '../time/timers.js'
import { chargesFor, type RuleCharge, type Scaling, type ScopedRule } from './charges.js'
import { Decider } from './decider.js'
import type { Decision, Forecast } from './decision.js'
import { EventSource } from './event-emitter.js'
import { leaseRenewal } from './lease-renewal.js'
import { claimName, type LimiterOptions, readOptions } from './limiter-options.js'
import type { AdmitOptions, Limiter, LimiterRule } from './limiter-types.js'
import { PreparedRules } from './prepared-rules.js'
import { SlotQueues } from './slot-queues.js'
import { Stopwatch } from './stopwatch.js'
import { TwoStepAdmission } from './two-step-admission.js'

export type { LimiterOptions, NeedsBody } from './limiter-options.js'
export type { AdmitOptions, Limiter, LimiterRule, RequestBody } from './limiter-types.js'

/**
 * Makes a limiter.
 *
 *     const limiter = createLimiter({ rules: [{ limit: '10/minute' }] })
 *     const decision = await limiter.admit('user-42')
 *     if (!decision.allowed) console.log(`come back in ${decision.refusal.retryAfter} ms`)
 *
 * @throws LimitSyntaxError, TypeError, RangeError that name the rule or the option which is wrong.
 */
export function createLimiter<Request = string>(options: string | LimiterOptions<Request>): Limiter<Request> {
  return new RuleLimiter(typeof options === 'string' ? { rules: [{ limit: options }] } : options)
}

const NO_OPTIONS: AdmitOptions = {}

/** The scope of shared rules: no limiter can be called so. */
const SHARED = '\n'

class RuleLimiter<Request> implements Limiter<Request> {
  readonly #rules: readonly ScopedRule<Request>[]
  readonly rules: readonly LimiterRule[]
  readonly #clientOf: LimiterOptions<Request>['client']
  /** What a request must meet; undefined where nothing is required. */
  readonly #requirement: Requirement<Request> | undefined
  readonly #requirementNeedsBody: boolean
  readonly #warmUp: Scaling | undefined
  readonly #store: Store
  readonly #decisions: Decider
  /** What decides where all requests are charged alike. */
  readonly #standing: PreparedRules<Request> | undefined
  readonly #ownsStore: boolean
  /** Undefined where no rule lets requests wait. */
  readonly #waiting: SlotQueues | undefined
  /** What decides on requests whose body is still to come. */
  readonly #twoSteps: TwoStepAdmission<Request>
  /** Undefined where nobody listens. */
  readonly #events: EventSource<Request> | undefined

  constructor(options: LimiterOptions<Request>) {
    const { rules, requirement } = readOptions(options)
    const { store, name = '', client, warmUp, needsBody, listener, timers = systemTimers } = options
    this.#rules = rules.map((rule) => ({
      ...rule,
      scope: `${rule.shared ? SHARED : name}\n${rule.stateName}`,
    }))
    this.rules = this.#rules.map(({ name, index, resource, scope, shared, enforce, limit }) => {
      return { name, index, resource, scope, shared, enforce, limit }
    })
    this.#clientOf = client
    this.#requirement = requirement
    this.#requirementNeedsBody = needsBody?.require === true
    this.#warmUp = warmUp
    this.#store = store ?? memoryStore()
    this.#ownsStore = store === undefined
    this.#waiting = rules.some(({ waiting }) => waiting !== undefined) ? new SlotQueues(timers) : undefined
    this.#events = listener && new EventSource(listener)
    const resources = [...new Set(rules.map(({ resource }) => resource))]
    this.#decisions = new Decider(this.#store, leaseRenewal(timers), resources, this.#waiting, this.#events)
    const isPlain = [client, warmUp, requirement, this.#waiting, this.#events].every(
      (each) => each === undefined,
    )
    this.#standing = isPlain ? PreparedRules.of(this.#rules, this.#store, this.#decisions) : undefined
    this.#twoSteps = new TwoStepAdmission({
      rules: this.#rules,
      isLater: ({ resource, index }) =>
        resource === 'concurrent' || needsBody?.rule(options.rules[index] as Rule<Request>, index) === true,
      requirement: this.#requirementNeedsBody ? requirement : undefined,
      scaling: warmUp,
      decisions: this.#decisions,
      waiting: this.#waiting,
    })
    if (store !== undefined) claimName(store, name)
  }

  admit(request: Request, options: AdmitOptions = NO_OPTIONS): MaybePromise<Decision> {
    if (this.#standing !== undefined && options.body === undefined) return this.#standing.admit(request)
    const client = this.#client(request)
    return client instanceof Promise
      ? this.#admitLater(request, client, options)
      : this.#admit(request, client, options)
  }

  async #admitLater(
    request: Request,
    client: Promise<Client | undefined>,
    options: AdmitOptions,
  ): Promise<Decision> {
    return this.#admit(request, await client, options)
  }

  #admit(request: Request, client: Client | undefined, options: AdmitOptions): MaybePromise<Decision> {
    const isLater = this.#requirementNeedsBody && options.body !== undefined
    const permitted = isLater ? undefined : this.#requirement?.(request, client)
    return permitted instanceof Promise
      ? permitted.then(() => this.#admitPermitted(request, client, options))
      : this.#admitPermitted(request, client, options)
  }

  #admitPermitted(
    request: Request,
    client: Client | undefined,
    options: AdmitOptions,
  ): MaybePromise<Decision> {
    return this.#events === undefined
      ? this.#decide(request, client, options)
      : this.#decideAndTell(this.#events, request, client, options)
  }

  #decideAndTell(
    events: EventSource<Request>,
    request: Request,
    client: Client | undefined,
    options: AdmitOptions,
  ): MaybePromise<Decision> {
    const { body } = options
    const watch = new Stopwatch()
    const timed = body === undefined ? options : { ...options, body: watch.leavingOut(body) }
    return andThen(this.#decide(request, client, timed), (decision) => {
      events.decided(request, client, decision, watch.elapsed)
      return decision
    })
  }

  peek(request: Request): MaybePromise<Forecast> {
    return andThen(this.#client(request), (client) =>
      andThen(this.#requirement?.(request, client), () => this.#forecast(request, client)),
    )
  }

  reset(request: Request): MaybePromise<void> {
    return andThen(this.#client(request), (client) => {
      const reset = allOf(
        this.#rules.map((rule) =>
          andThen(rule.keyFor(request, client), (key) => this.#store.reset(rule.scope, key)),
        ),
      )
      return andThen<unknown, void>(reset, () => {})
    })
  }

  close(): MaybePromise<void> {
    if (this.#ownsStore) return this.#store.close()
  }

  #client(request: Request): MaybePromise<Client | undefined> {
    if (this.#clientOf === undefined) return undefined
    return andThen(toMaybePromise<Client | string | undefined>(this.#clientOf(request)), (client) =>
      client === undefined ? undefined : checkClient(client),
    )
  }

  #forecast(request: Request, client: Client | undefined): MaybePromise<Forecast> {
    return andThen(this.#charges(request, client), (charges) => this.#decisions.peek(charges))
  }

  #charges(request: Request, client: Client | undefined): MaybePromise<RuleCharge[]> {
    return chargesFor(this.#rules, request, client, this.#warmUp)
  }

  #decide(request: Request, client: Client | undefined, options: AdmitOptions): MaybePromise<Decision> {
    const { body, signal } = options
    if (body === undefined) {
      const charges = this.#charges(request, client)
      return charges instanceof Promise
        ? charges.then((later) => this.#take(later, request, client, options))
        : this.#take(charges, request, client, options)
    }
    const waiter = client?.id ?? options.waiter
    const candidate = { request, client, body, signal, waiter }
    if (!body.isHere) return this.#twoSteps.admit(candidate)
    return andThen(this.#twoSteps.chargesAtOnce(candidate), (worked) =>
      'allowed' in worked ? worked : this.#take(worked, request, client, options),
    )
  }

  #take(
    charges: readonly RuleCharge[],
    request: Request,
    client: Client | undefined,
    options: AdmitOptions,
  ): MaybePromise<Decision> {
    return this.#waiting === undefined
      ? this.#decisions.take(charges)
      : this.#takeInLine(this.#waiting, charges, request, client, options)
  }

  #takeInLine(
    waiting: SlotQueues,
    charges: readonly RuleCharge[],
    request: Request,
    client: Client | undefined,
    options: AdmitOptions,
  ): MaybePromise<Decision> {
    // What is charged is worked out anew at each attempt: a lease is taken once, and a limit may have changed meanwhile.
    let first: readonly RuleCharge[] | undefined = charges
    const decide = () => {
      const current = first ?? this.#charges(request, client)
      first = undefined
      return andThen(current, (now) => this.#decisions.take(now))
    }
    const forecast = () => andThen(this.#forecast(request, client), ({ quotas }) => quotas)
    return waiting.admit(charges, decide, forecast, options.signal, client?.id ?? options.waiter)
  }
}
