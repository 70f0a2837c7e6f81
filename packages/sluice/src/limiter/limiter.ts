import { allOf, andThen, type MaybePromise, toMaybePromise } from '../maybe-promise.js'
import { type Client, checkClient } from '../rules/client.js'
import type { Requirement } from '../rules/requirement.js'
import type { Rule } from '../rules/rule.js'
import { isServed, serviceTermsOf } from '../rules/service-terms.js'
import { readWaiting, type WaitOptions } from '../rules/waiting.js'
import { memoryStore } from '../stores/memory/memory-store.js'
import type { Store } from '../stores/store.js'
import { systemTimers } from '../time/timers.js'
import { linesOf } from '../waiting/store-lines.js'
import { AccountedStore } from './accounted-store.js'
import type { RuleCharge, ScopedRule } from './charges.js'
import { Decider } from './decider.js'
import type { Decision, Forecast } from './decision.js'
import { leaseRenewal } from './lease-renewal.js'
import { LimiterEvents } from './limiter-events.js'
import { claimName, FAMILY, type FamilyOptions, type LimiterOptions, readOptions } from './limiter-options.js'
import type { AdmitOptions, Limiter, LimiterRule, UsageOptions } from './limiter-types.js'
import { type QueuedRequest, RequestQueues, type TermsByRule } from './request-queues.js'
import { RulePlan } from './rule-plan.js'
import { Stopwatch } from './stopwatch.js'
import { TwoStepAdmission } from './two-step-admission.js'
import { readUsage, type Usage } from './usage.js'
import { rulesNamed, UsageChanges } from './usage-changes.js'
import { warningOf } from './warning.js'

export type { LimiterOptions, NeedsBody } from './limiter-options.js'
export type { AdmitOptions, Limiter, LimiterRule, RequestBody, UsageOptions } from './limiter-types.js'

/**
 * Creates a limiter.
 *
 *     const limiter = createLimiter({ rules: [{ limit: '10/minute' }] })
 *     const decision = await limiter.admit('user-42')
 *     if (!decision.allowed) console.log(`retry in ${decision.refusal.retryAfter} ms`)
 *
 * @throws LimitSyntaxError, TypeError, RangeError that name the invalid rule or option.
 */
export function createLimiter<Request = string>(options: string | LimiterOptions<Request>): Limiter<Request> {
  return new RuleLimiter(typeof options === 'string' ? { rules: [{ limit: options }] } : options)
}

const NO_OPTIONS: AdmitOptions = {}

/** Replaces the limiter's name in the scopes of shared rules. No limiter can have this name. */
const SHARED = '\n'

class RuleLimiter<Request> implements Limiter<Request> {
  readonly #rules: readonly ScopedRule<Request>[]
  readonly rules: readonly LimiterRule[]
  readonly #clientOf: LimiterOptions<Request>['client']
  readonly #requirement: Requirement<Request> | undefined
  readonly #requirementNeedsBody: boolean
  readonly #store: Store
  readonly #decider: Decider
  readonly #plan: RulePlan<Request>
  /** True if the plan alone decides on requests without a body. */
  readonly #isPlain: boolean
  readonly #ownsStore: boolean
  readonly #queues: RequestQueues
  /** True if a rule lets requests wait. */
  readonly #hasWaitingRules: boolean
  /** The rules whose lines know the work of requests. */
  readonly #servedRules: readonly ScopedRule<Request>[]
  /** True once a request may have waited. */
  #usesQueues: boolean
  readonly #twoStep: TwoStepAdmission<Request>
  readonly #usage: UsageChanges<Request>
  readonly #scaling: LimiterOptions<Request>['warmUp']
  /** Undefined without a listener. */
  readonly #events: LimiterEvents<Request> | undefined

  constructor(options: LimiterOptions<Request>) {
    const { rules, requirement } = readOptions(options)
    const { store, name = '', keys, client, warmUp, needsBody, listener, timers = systemTimers } = options
    this.#rules = rules.map((rule) => ({
      ...rule,
      scope: `${rule.shared ? SHARED : name}\n${rule.stateName}`,
    }))
    this.rules = this.#rules.map(({ name, index, resource, scope, shared, enforce, limit, penalty }) => {
      return { name, index, resource, scope, shared, enforce, limit, penalty }
    })
    this.#clientOf = client
    this.#scaling = warmUp
    this.#requirement = requirement
    this.#requirementNeedsBody = needsBody?.require === true
    this.#events = listener && new LimiterEvents(listener, this.#rules)
    const ownOrShared = store ?? memoryStore()
    this.#store = accountedStore(ownOrShared, this.#rules, this.#events)
    this.#ownsStore = store === undefined
    this.#queues = new RequestQueues(
      linesOf(ownOrShared, timers),
      rules.some(({ window, classes }) => window !== undefined || classes !== undefined),
    )
    this.#hasWaitingRules = rules.some(({ waiting }) => waiting !== undefined)
    this.#usesQueues = this.#hasWaitingRules
    this.#servedRules = this.#rules.filter(isServed)
    // Requests of other limiters may wait for slots of shared rules.
    const activeQueues = () => (this.#usesQueues || !this.#queues.areEmpty ? this.#queues : undefined)
    const resources = [...new Set(rules.map(({ resource }) => resource))]
    this.#decider = new Decider(
      this.#store,
      {
        store: this.#store,
        renewal: leaseRenewal(timers),
        resources,
        closesReservations: this.#rules.some(({ warnings }) => warnings?.reserves === true),
        get queues() {
          return activeQueues()
        },
        events: this.#events,
      },
      this.#events,
    )
    this.#plan = new RulePlan(this.#rules, warmUp, this.#decider, this.#store)
    this.#isPlain =
      !this.#hasWaitingRules && [client, requirement, this.#events].every((part) => part === undefined)
    this.#twoStep = new TwoStepAdmission({
      rules: this.#rules,
      isLater: ({ resource, index }) =>
        resource === 'concurrent' || needsBody?.rule(options.rules[index] as Rule<Request>, index) === true,
      requirement: this.#requirementNeedsBody ? requirement : undefined,
      scaling: warmUp,
      store: this.#store,
      decider: this.#decider,
      termsOf: (request, client) => this.#terms(request, client),
    })
    this.#usage = new UsageChanges({
      rules: this.#rules,
      store: this.#store,
      scaling: warmUp,
      events: this.#events,
      clientOf: (request) => this.#client(request),
      onFreed: (scope, key) => this.#queues.onRefunded(scope, key),
      // Requests with named keys are objects.
      isKey: (subject): subject is string => keys !== undefined && typeof subject === 'string',
    })
    if (store !== undefined) claimName(store, name, (options as FamilyOptions)[FAMILY] ?? this)
  }

  admit(request: Request, options: AdmitOptions = NO_OPTIONS): MaybePromise<Decision> {
    if (this.#isPlain && (options === NO_OPTIONS || isPlainCall(options)))
      return this.#plan.decide(request, undefined)
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
      : this.#decideAndEmit(this.#events, request, client, options)
  }

  #decideAndEmit(
    events: LimiterEvents<Request>,
    request: Request,
    client: Client | undefined,
    options: AdmitOptions,
  ): MaybePromise<Decision> {
    const { body } = options
    if (body !== undefined) {
      const stopwatch = new Stopwatch()
      const timed = { ...options, body: stopwatch.excluding(body) }
      return andThen(this.#decide(request, client, timed), (decision) => {
        events.onDecision(request, client, decision, stopwatch.elapsedMs)
        return decision
      })
    }
    const startedAt = performance.now()
    const decided = this.#decide(request, client, options)
    // Without a closure, a decision with a listener allocates half as much.
    if (decided instanceof Promise)
      return decided.then((decision) => {
        events.onDecision(request, client, decision, performance.now() - startedAt)
        return decision
      })
    events.onDecision(request, client, decided, performance.now() - startedAt)
    return decided
  }

  peek(request: Request): MaybePromise<Forecast> {
    return andThen(this.#client(request), (client) =>
      andThen(this.#requirement?.(request, client), () => this.#forecast(request, client)),
    )
  }

  async usage(request: Request, { rule }: UsageOptions = {}): Promise<Usage> {
    const rules = rule === undefined ? this.#rules : rulesNamed(this.#rules, rule)
    return readUsage(rules, request, await this.#client(request), this.#scaling, this.#store)
  }

  charge(request: Request | string, cost: number, options: UsageOptions = {}): Promise<void> {
    return this.#usage.charge(request, cost, options)
  }

  refund(request: Request | string, cost: number, options: UsageOptions = {}): Promise<void> {
    return this.#usage.refund(request, cost, options)
  }

  reset(request: Request | string, options: UsageOptions = {}): MaybePromise<void> {
    return this.#usage.reset(request, options)
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
    return andThen(this.#plan.chargesFor(request, client), (charges) => this.#decider.peek(charges))
  }

  #decide(request: Request, client: Client | undefined, options: AdmitOptions): MaybePromise<Decision> {
    const { body, signal } = options
    if (body === undefined) return this.#decidePlanned(request, client, options)
    const waiter = client?.id ?? options.waiter
    const waiting = waitingOfCall(options)
    const queues = this.#queuesFor(waiting)
    const beginWithinMs = checkBeginWithin(options)
    const candidate = { request, client, body, signal, waiter, waiting, queues, beginWithinMs }
    if (!body.isHere) return this.#twoStep.admit(candidate)
    return this.#twoStep.decideWithBody(candidate, () => this.#evaluate(request, client, options))
  }

  #decidePlanned(
    request: Request,
    client: Client | undefined,
    options: AdmitOptions,
  ): MaybePromise<Decision> {
    if (!this.#hasWaitingRules && isPlainCall(options)) return this.#plan.decide(request, client)
    return andThen(this.#evaluate(request, client, options), (decide) => decide())
  }

  /** Evaluates the rules for a request. The returned function decides on the request. */
  #evaluate(
    request: Request,
    client: Client | undefined,
    options: AdmitOptions,
  ): MaybePromise<() => MaybePromise<Decision>> {
    const waiting = waitingOfCall(options)
    const queues = this.#queuesFor(waiting)
    if (queues === undefined) return this.#plan.evaluate(request, client)
    const terms = this.#terms(request, client)
    if (terms === undefined) return this.#evaluateQueued(request, client, queues, options)
    // Once a function has returned a promise, other requests are evaluated before the decision.
    const isLate = terms instanceof Promise
    return andThen(terms, (known) =>
      andThen(
        this.#evaluateQueued(request, client, queues, options, known, isLate),
        (decide) => () => andThen(decide(), (decision) => beginning(queues, decision, known)),
      ),
    )
  }

  #evaluateQueued(
    request: Request,
    client: Client | undefined,
    queues: RequestQueues,
    options: AdmitOptions,
    terms?: TermsByRule,
    isLate = false,
  ): MaybePromise<() => MaybePromise<Decision>> {
    const attempts = this.#attempts(request, client, options, terms)
    const admitInOrder = (charges: readonly RuleCharge[]) => {
      let first: readonly RuleCharge[] | undefined = charges
      const decide = () => {
        const current = first
        first = undefined
        if (current === undefined) return attempts.decide()
        const taken = this.#decider.take(current)
        if (terms === undefined) return taken
        return andThen(taken, (decision) => beginning(queues, decision, terms))
      }
      return queues.admit(charges, { ...attempts, decide })
    }
    // No request is waiting that could be overtaken. If a function of a rule returns a promise, a
    // request may be waiting by the time it settles, so `admitInOrder` decides then.
    if (queues.areEmpty && !isLate) {
      const ticket = queues.newTicket()
      return this.#plan.evaluate(
        request,
        client,
        (decision, charges) => queues.waitAfter(decision, charges, attempts, ticket),
        admitInOrder,
      )
    }
    return andThen(this.#plan.chargesFor(request, client), (charges) => () => admitInOrder(charges))
  }

  /**
   * Each attempt recomputes the charges: a lease is used only once, and limits may have changed.
   */
  #attempts(
    request: Request,
    client: Client | undefined,
    options: AdmitOptions,
    terms: TermsByRule | undefined,
  ): QueuedRequest {
    const decide = () => this.#plan.decide(request, client)
    return {
      decide:
        terms === undefined
          ? decide
          : () => andThen(decide(), (decision) => beginning(this.#queues, decision, terms)),
      forecast: () => andThen(this.#forecast(request, client), ({ quotas }) => quotas),
      signal: options.signal,
      waiter: client?.id ?? options.waiter,
      waiting: waitingOfCall(options),
      beginWithinMs: checkBeginWithin(options),
      terms,
    }
  }

  /** Returns the terms of a request under the rules that know its work; undefined if there are none. */
  #terms(request: Request, client: Client | undefined): MaybePromise<TermsByRule> | undefined {
    if (this.#servedRules.length === 0) return undefined
    const terms = this.#servedRules.map((rule) => serviceTermsOf(rule, request, client))
    return andThen(
      allOf(terms),
      (known) =>
        new Map(
          this.#servedRules.flatMap(({ name }, index) => {
            const each = known[index]
            return each === undefined ? [] : [[name, each]]
          }),
        ),
    )
  }

  /** Returns the queues that a request may wait in; undefined if it does not wait. */
  #queuesFor(waiting: WaitOptions | undefined): RequestQueues | undefined {
    if (waiting !== undefined) this.#usesQueues = true
    return this.#hasWaitingRules || waiting !== undefined ? this.#queues : undefined
  }
}

/** Returns a store that accounts for rules with `warn` or `soft` and for money, or the store itself without any. */
function accountedStore<Request>(
  store: Store,
  rules: readonly ScopedRule<Request>[],
  events: LimiterEvents<Request> | undefined,
): Store {
  if (rules.every(({ warnings, enforce }) => warnings === undefined || !enforce)) return store
  return new AccountedStore(
    store,
    events &&
      ((charge, used, { at, resetAfter }) => {
        const { rule, key, limit } = charge
        const warning = warningOf(rule.warnings?.thresholds ?? [], limit, used, { at, resetAfter })
        if (warning !== undefined) events.onWarning({ rule: rule.name, key, limit }, warning)
      }),
  )
}

/** Records that a request is sent if it was admitted. */
function beginning(queues: RequestQueues, decision: Decision, terms: TermsByRule): Decision {
  queues.begin(decision, terms)
  return decision
}

/** Returns the wait options of a call. The caller knows who waits, so it may fill the queue. */
function waitingOfCall({ wait, queue }: AdmitOptions): WaitOptions | undefined {
  return readWaiting(wait, queue, true)
}

/** @throws RangeError unless it is more than 0 */
function checkBeginWithin({ beginWithin }: AdmitOptions): number | undefined {
  if (beginWithin === undefined || beginWithin > 0) return beginWithin
  throw new RangeError(
    `'beginWithin' must be a number of milliseconds, more than 0, not ${String(beginWithin)}`,
  )
}

/** Reports whether a call neither waits nor has a body. */
function isPlainCall({ body, wait, queue }: AdmitOptions): boolean {
  return body === undefined && wait === undefined && queue === undefined
}
