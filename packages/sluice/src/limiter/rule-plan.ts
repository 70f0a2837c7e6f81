import { checkCost } from '../limits/check-limit.js'
import type { Limit } from '../limits/limit.js'
import { andThen, type MaybePromise } from '../maybe-promise.js'
import type { Client } from '../rules/client.js'
import type { KeyFor } from '../rules/key-spec.js'
import type { AppliesTo } from '../rules/rule-condition.js'
import { isPreparing, type PreparedCharge, type PreparedCharges } from '../stores/preparing-store.js'
import type { Store } from '../stores/store.js'
import { PreparedDecision, type PreparedRules } from './allowed-decision.js'
import {
  chargeOf,
  fitsAfter,
  type KnownResults,
  laterCharges,
  type RuleCharge,
  type Scaling,
  type ScopedRule,
  scaled,
} from './charges.js'
import type { Decider, Step } from './decider.js'
import type { Decision } from './decision.js'

/**
 * Replaces a decision. Called for every refused request, and for admitted requests if others may
 * have been decided on in the meantime.
 */
type Review = (decision: Decision, charges: readonly RuleCharge[]) => MaybePromise<Decision>

/** The limit and the cost of a rule for which they are the same for every request. */
interface FixedTerms {
  readonly limit: Limit
  readonly cost: number
}

/** The results of no function yet. */
const NOTHING_KNOWN = { keyFor: undefined, key: '', appliesTo: undefined, applies: true }

/** Maximum number of tiers whose last limits are remembered. */
const MAX_TIERS = 100

/**
 * Evaluates rules for requests, and decides on their charges. Its objects are reused for every
 * request, so an admitted request allocates only its decision if the store prepares charges.
 */
export class RulePlan<Request> {
  readonly #rules: readonly ScopedRule<Request>[]
  readonly #scaling: Scaling | undefined
  readonly #decider: Decider
  readonly #source: PreparedRules | undefined
  /** The charges of the current request, in the order of the rules. */
  readonly #charges: readonly PreparedCharge[]
  /** The limits of the current request before warm-up. */
  #fullLimits: (Limit | undefined)[]
  /** The fixed terms of each rule; undefined if they depend on the request. */
  readonly #fixedTerms: readonly (FixedTerms | undefined)[]
  /** The key function of all rules, if requests differ only in their key. */
  readonly #soleKey: KeyFor<Request> | undefined
  /** The limits of the last request of each tier. Decisions with equal limits share the list. */
  readonly #limits = new Map<string | undefined, readonly (Limit | undefined)[]>()
  /** The keys of the last request. Decisions with equal keys share the list. */
  #keys: readonly string[] = []
  /** The key of the current request, if all rules share it. */
  #key: string | undefined
  #isEvaluating = false
  /** Decides on requests that a function of a rule makes during the evaluation. */
  #nested: RulePlan<Request> | undefined

  /**
   * @param scaling applies to all limits except those of shared rules
   * @param store prepares the charges if it can; undefined to create an object per charge
   */
  constructor(
    rules: readonly ScopedRule<Request>[],
    scaling: Scaling | undefined,
    decider: Decider,
    store: Store | undefined,
  ) {
    this.#rules = rules
    this.#scaling = scaling
    this.#decider = decider
    // Prepared charges have no penalties.
    const canPrepare = rules.every(({ penalty }) => penalty === undefined)
    const prepared =
      canPrepare && store !== undefined && isPreparing(store) ? store.prepare(rules) : undefined
    this.#source = prepared && {
      rules: rules as readonly ScopedRule<never>[],
      prepared,
      context: decider.permitContext,
    }
    this.#charges = prepared?.charges ?? rules.map(() => ({ key: '', limit: undefined, cost: 0 }))
    this.#fullLimits = rules.map(() => undefined)
    this.#fixedTerms = rules.map((rule) => fixedTermsOf(rule, scaling))
    const [first] = rules
    const hasSoleKey = rules.every(
      ({ keyFor, enforce, appliesTo }) => enforce && keyFor === first?.keyFor && appliesTo === undefined,
    )
    if (first === undefined || !hasSoleKey || this.#fixedTerms.includes(undefined)) return
    this.#soleKey = first.keyFor
    for (const [index, terms] of this.#fixedTerms.entries())
      Object.assign(this.#charges[index] as PreparedCharge, terms)
    this.#fullLimits = this.#fixedTerms.map((terms) => terms?.limit)
  }

  /**
   * Decides on a request. Takes all charges or none.
   *
   * @param review replaces the decision
   */
  decide(request: Request, client: Client | undefined, review?: Review): MaybePromise<Decision> {
    if (this.#isEvaluating) return this.#nestedPlan().decide(request, client, review)
    const pending = this.#evaluate(request, client)
    return pending === undefined
      ? this.#decideEvaluated(client?.tier, review)
      : pending.then((charges) => this.#take(charges, review))
  }

  /**
   * Evaluates the rules for a request. The returned function decides on the request. Call it before
   * the plan evaluates another request.
   *
   * @param onLate decides instead if a function of a rule returned a promise
   */
  evaluate(
    request: Request,
    client: Client | undefined,
    review?: Review,
    onLate?: (charges: readonly RuleCharge[]) => MaybePromise<Decision>,
  ): MaybePromise<() => MaybePromise<Decision>> {
    if (this.#isEvaluating) return this.#nestedPlan().evaluate(request, client, review, onLate)
    const pending = this.#evaluate(request, client)
    return pending === undefined
      ? () => this.#decideEvaluated(client?.tier, review)
      : pending.then(
          (charges) => () => (onLate === undefined ? this.#take(charges, review) : onLate(charges)),
        )
  }

  /**
   * Evaluates the rules for one step of a two-step admission. The returned function takes the
   * charges. Call it before the plan evaluates another request.
   *
   * @param others charges of cost 0 that a refusal also reports
   * @param order sorts the charges
   */
  evaluateStep(
    request: Request,
    client: Client | undefined,
    others: readonly RuleCharge[],
    order: (one: RuleCharge, other: RuleCharge) => number,
  ): MaybePromise<() => MaybePromise<Step>> {
    if (this.#isEvaluating) return this.#nestedPlan().evaluateStep(request, client, others, order)
    const takeAll = (charges: readonly RuleCharge[]) => () =>
      this.#decider.takeStep([...charges, ...others].toSorted(order))
    const pending = this.#evaluate(request, client)
    if (pending !== undefined) return pending.then(takeAll)
    const source = this.#source
    if (source === undefined) return takeAll(this.#ruleCharges(this.#rules.length))
    return () => {
      const outcome = source.prepared.take(this.#key)
      if (outcome === 'taken') {
        const decision = this.#allowed(source, undefined)
        return { decision, ...decision.takenCharges() }
      }
      if (outcome === undefined) return takeAll(this.#ruleCharges(this.#rules.length))()
      const charges = this.#ruleCharges(this.#rules.length, source.prepared)
      return this.#decider.stepOn(charges, source.prepared.verdicts, others, order)
    }
  }

  /** Decides on a request as one step of a two-step admission. The permit emits no events. */
  takeStep(...step: Parameters<RulePlan<Request>['evaluateStep']>): MaybePromise<Step> {
    return andThen(this.evaluateStep(...step), (take) => take())
  }

  /**
   * Computes the charges of the rules for a request. Returns a promise if a function of a rule
   * does; the rules are then evaluated one after the other.
   *
   * Skips rules that are unlimited for the client, and shadow rules whose functions throw: a shadow
   * rule must never fail a request.
   */
  chargesFor(request: Request, client: Client | undefined): MaybePromise<RuleCharge[]> {
    if (this.#isEvaluating) return this.#nestedPlan().chargesFor(request, client)
    return this.#evaluate(request, client) ?? this.#ruleCharges(this.#rules.length)
  }

  #nestedPlan(): RulePlan<Request> {
    this.#nested ??= new RulePlan(this.#rules, this.#scaling, this.#decider, undefined)
    return this.#nested
  }

  /** Decides on the charges that were set last. */
  #decideEvaluated(tier: string | undefined, review: Review | undefined): MaybePromise<Decision> {
    const source = this.#source
    if (source === undefined) return this.#take(this.#ruleCharges(this.#rules.length), review)
    const outcome = source.prepared.take(this.#key)
    if (outcome === 'taken') return this.#allowed(source, tier)
    if (outcome === undefined) return this.#take(this.#ruleCharges(this.#rules.length), review)
    const charges = this.#ruleCharges(this.#rules.length, source.prepared)
    const decision = this.#decider.decisionOn(charges, source.prepared.verdicts)
    return decision.allowed || review === undefined ? decision : review(decision, charges)
  }

  #take(charges: readonly RuleCharge[], review: Review | undefined): MaybePromise<Decision> {
    const taken = this.#decider.take(charges)
    return review === undefined ? taken : andThen(taken, (decision) => review(decision, charges))
  }

  #allowed(source: PreparedRules, tier: string | undefined): PreparedDecision {
    const { prepared } = source
    const { numbers, offset } = prepared
    const key = this.#key
    const limits = key === undefined ? this.#currentLimits(tier) : this.#fullLimits
    const decision = new PreparedDecision(source, limits, key ?? this.#currentKeys(), numbers, offset)
    // Events report how long slots were held, so a permit with slots is created now.
    if (source.context.events !== undefined && decision.limits.some(isConcurrency)) decision.permit
    return decision
  }

  /**
   * Evaluates the rules and sets the charges of a request. If a function of a rule returns a
   * promise, returns a promise of the charges instead.
   */
  #evaluate(request: Request, client: Client | undefined): Promise<RuleCharge[]> | undefined {
    if (this.#soleKey === undefined) return this.#evaluateEach(request, client)
    const key = this.#soleKey(request, client)
    if (key instanceof Promise) {
      const { limit: fullLimit, cost } = this.#fixedTerms[0] as FixedTerms
      return this.#continueAt(0, { fullLimit, cost, key }, request, client, NOTHING_KNOWN)
    }
    this.#key = key
    return undefined
  }

  #evaluateEach(request: Request, client: Client | undefined): Promise<RuleCharge[]> | undefined {
    const rules = this.#rules
    let keyFor: KeyFor<Request> | undefined
    let key = ''
    let appliesTo: AppliesTo<Request> | undefined
    let applies = true
    this.#isEvaluating = true
    try {
      for (let index = 0; index < rules.length; index++) {
        const rule = rules[index] as ScopedRule<Request>
        const charge = this.#charges[index] as PreparedCharge
        const terms = this.#fixedTerms[index]
        charge.limit = undefined
        try {
          if (rule.appliesTo !== undefined) {
            // The limits of one rule share a condition.
            if (rule.appliesTo !== appliesTo) {
              const own = rule.appliesTo(request, client)
              if (own instanceof Promise) {
                const known = { keyFor, key, appliesTo, applies }
                return this.#continueAt(index, { applies: own }, request, client, known)
              }
              applies = own
              appliesTo = rule.appliesTo
            }
            if (!applies) continue
          }
          const fullLimit = terms === undefined ? rule.limitFor(request, client) : terms.limit
          if (fullLimit instanceof Promise)
            return this.#continueAt(index, { fullLimit }, request, client, {
              keyFor,
              key,
              appliesTo,
              applies,
            })
          // The client is unlimited.
          if (fullLimit === undefined) continue
          const limit = scaled(rule, fullLimit, this.#scaling)
          const cost = terms === undefined ? rule.costFor(request, limit) : terms.cost
          if (cost instanceof Promise)
            return this.#continueAt(index, { fullLimit, cost }, request, client, {
              keyFor,
              key,
              appliesTo,
              applies,
            })
          // Adjacent rules usually share a key.
          if (rule.keyFor !== keyFor) {
            const own = rule.keyFor(request, client)
            if (own instanceof Promise)
              return this.#continueAt(index, { fullLimit, cost, key: own }, request, client, {
                keyFor,
                key,
                appliesTo,
                applies,
              })
            key = own
            keyFor = rule.keyFor
          }
          charge.key = key
          charge.cost = cost
          charge.limit = limit
          this.#fullLimits[index] = fullLimit
        } catch (error) {
          if (rule.enforce) throw error
        }
      }
      return undefined
    } finally {
      this.#isEvaluating = false
    }
  }

  /** Continues asynchronously with the rule whose function returned a promise. */
  #continueAt(
    index: number,
    partial: Parameters<typeof laterCharges>[1]['partial'],
    request: Request,
    client: Client | undefined,
    known: KnownResults<Request>,
  ): Promise<RuleCharge[]> {
    const charges = this.#ruleCharges(index)
    const progress = { ...known, request, client, scaling: this.#scaling, charges, partial }
    return laterCharges(this.#rules.slice(index), progress)
  }

  /**
   * Returns the charges of the first rules as objects.
   *
   * @param decided the prepared charges if the store has decided on them and assigned leases
   */
  #ruleCharges(count: number, decided?: PreparedCharges): RuleCharge[] {
    const charges: RuleCharge[] = []
    for (let index = 0; index < count; index++) {
      const { key, limit, cost } = this.#charges[index] as PreparedCharge
      if (limit === undefined) continue
      const rule = this.#rules[index] as ScopedRule<Request>
      const fullLimit = this.#fullLimits[index] as Limit
      const growsAfter = fitsAfter(cost, limit, fullLimit, this.#scaling)
      charges.push(chargeOf(rule, this.#key ?? key, limit, cost, growsAfter, decided?.newLease(index)))
    }
    return charges
  }

  #currentLimits(tier: string | undefined): readonly (Limit | undefined)[] {
    const known = this.#limits.get(tier)
    const charges = this.#charges
    let isKnown = known !== undefined
    for (let index = 0; isKnown && index < charges.length; index++)
      if (known?.[index] !== charges[index]?.limit) isKnown = false
    if (known !== undefined && isKnown) return known
    const limits = charges.map(({ limit }) => limit)
    if (this.#limits.size >= MAX_TIERS) this.#limits.clear()
    this.#limits.set(tier, limits)
    return limits
  }

  #currentKeys(): string | readonly string[] {
    const charges = this.#charges
    const first = charges[0]?.key ?? ''
    let isShared = true
    for (let index = 1; index < charges.length; index++) if (charges[index]?.key !== first) isShared = false
    if (isShared) return first
    let isKnown = this.#keys.length > 0
    for (let index = 0; isKnown && index < charges.length; index++)
      if (this.#keys[index] !== charges[index]?.key) isKnown = false
    if (!isKnown) this.#keys = charges.map(({ key }) => key)
    return this.#keys
  }
}

/** Returns the terms of a rule if they are the same for every request. */
function fixedTermsOf<Request>(
  { isFixed, limit, cost, shared }: ScopedRule<Request>,
  scaling: Scaling | undefined,
): FixedTerms | undefined {
  if (!isFixed || limit === undefined || cost === undefined || (scaling !== undefined && !shared))
    return undefined
  try {
    checkCost(limit, cost)
    return { limit, cost }
  } catch {
    // The rule reports this error for each request.
    return undefined
  }
}

function isConcurrency(limit: Limit | undefined): boolean {
  return limit?.algorithm === 'concurrency'
}
