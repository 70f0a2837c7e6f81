import { capacityOf } from '../limits/limit.js'
import { andThen, type MaybePromise } from '../maybe-promise.js'
import type { Client } from '../rules/client.js'
import type { Requirement } from '../rules/requirement.js'
import type { WaitOptions } from '../rules/waiting.js'
import type { Store } from '../stores/store.js'
import { type RuleCharge, type Scaling, type ScopedRule, zeroCharges } from './charges.js'
import type { Decider, Step } from './decider.js'
import type { Decision, Quota, Refusal } from './decision.js'
import type { RequestBody } from './limiter-types.js'
import type { Permit } from './permit.js'
import type { RequestQueues, TermsByRule } from './request-queues.js'
import { RulePlan } from './rule-plan.js'

export interface TwoStepOptions<Request> {
  readonly rules: readonly ScopedRule<Request>[]
  /** Reports whether a rule belongs to the second step. */
  readonly isLater: (rule: ScopedRule<Request>) => boolean
  /** The limiter's requirement, if it reads the body. */
  readonly requirement: Requirement<Request> | undefined
  readonly scaling: Scaling | undefined
  readonly decider: Decider
  /** The store of the decider. */
  readonly store: Store
  /** Returns the terms of a request under rules that are fair; undefined if there are none. */
  readonly termsOf: (request: Request, client: Client | undefined) => MaybePromise<TermsByRule> | undefined
}

interface Candidate<Request> {
  readonly request: Request
  readonly client: Client | undefined
  readonly body: RequestBody
  readonly signal: AbortSignal | undefined
  /** The client or address that waits. */
  readonly waiter: string | undefined
  readonly beginWithinMs: number | undefined
  /** The wait options of the call. */
  readonly waiting: WaitOptions | undefined
  /** Undefined if the request does not wait. */
  readonly queues: RequestQueues | undefined
  /** The terms of the request under rules that are fair, all of which belong to the second step. */
  readonly terms?: TermsByRule | undefined
}

/** The result of the step without the body. */
interface FirstStep {
  /** Undefined if every rule needs the body. */
  readonly step: Step | undefined
  readonly held: Permit | undefined
  /** Charges of cost 0 for the other rules. */
  readonly others: readonly RuleCharge[]
}

/**
 * Admits requests whose body has not arrived. It first charges a request to the rules that need no
 * body. So a client that exceeds these limits is refused before its body is read, and requests with
 * unreadable bodies are not free. It then receives the body and decides on the other rules together
 * with the slots. If these refuse, it refunds the first charges.
 */
export class TwoStepAdmission<Request> {
  readonly #options: TwoStepOptions<Request>
  readonly #laterRules: readonly ScopedRule<Request>[]
  readonly #first: RulePlan<Request>
  readonly #later: RulePlan<Request>
  readonly #hasFirst: boolean
  readonly #steps: Decider
  /** The position of each rule, by name. */
  readonly #positions: ReadonlyMap<string, number>

  constructor(options: TwoStepOptions<Request>) {
    const { rules, isLater, scaling, decider, store } = options
    const first = rules.filter((rule) => !isLater(rule))
    this.#options = options
    this.#laterRules = rules.filter(isLater)
    this.#hasFirst = first.length > 0
    const steps = decider.forSteps()
    this.#steps = steps
    this.#first = new RulePlan(first, scaling, steps, store)
    this.#later = new RulePlan(this.#laterRules, scaling, steps, store)
    this.#positions = new Map(rules.map(({ name }, position) => [name, position]))
  }

  /**
   * Decides on a request whose body has arrived. If the body cannot be read, charges the request to
   * the first rules, and returns their decision if they refuse.
   *
   * @param evaluate evaluates all rules, and returns a function that decides
   * @throws the error of the body if the first rules admit the request.
   */
  decideWithBody(
    candidate: Candidate<Request>,
    evaluate: () => MaybePromise<() => MaybePromise<Decision>>,
  ): MaybePromise<Decision> {
    const { request, client, body } = candidate
    const fail = (error: unknown) => this.#chargeFirst(candidate, error)
    const decide = (): MaybePromise<Decision> => {
      let evaluated: ReturnType<typeof evaluate>
      try {
        evaluated = evaluate()
      } catch (error) {
        return fail(error)
      }
      return evaluated instanceof Promise ? evaluated.then((take) => take(), fail) : evaluated()
    }
    let permitted: MaybePromise<void>
    try {
      permitted = andThen(body.receive(undefined), () => this.#options.requirement?.(request, client))
    } catch (error) {
      return fail(error)
    }
    return permitted instanceof Promise ? permitted.then(decide, fail) : decide()
  }

  #chargeFirst({ request, client }: Candidate<Request>, error: unknown): MaybePromise<Decision> {
    return andThen(this.#first.decide(request, client), (decision) => {
      if (decision.allowed) throw error
      return decision
    })
  }

  /** Decides on a request whose body has not arrived. */
  async admit(arrived: Candidate<Request>): Promise<Decision> {
    const { request, client, body, queues } = arrived
    const { requirement } = this.#options
    const first = await this.#takeFirst(arrived)
    if (first.step?.decision.allowed === false) return first.step.decision
    await body.receive(first.held)
    await requirement?.(request, client)
    const terms = this.#options.termsOf(request, client)
    const candidate = { ...arrived, terms: terms instanceof Promise ? await terms : terms }
    const isQueued = queues?.areEmpty === false
    const charges = isQueued ? await this.#later.chargesFor(request, client) : undefined
    // Errors up to here are caused by the request, so it stays charged to the first rules.
    const evaluated = isQueued ? undefined : this.#later.evaluateStep(request, client, [], this.#byPosition)
    // If the evaluation is synchronous, no other request may be evaluated before the take.
    const take = evaluated instanceof Promise ? await evaluated : evaluated
    // Another request may have begun to wait during the evaluation.
    const mustQueue = evaluated instanceof Promise && queues?.areEmpty === false
    return mustQueue
      ? this.#decideLater(candidate, first, await this.#later.chargesFor(request, client), undefined)
      : this.#decideLater(candidate, first, charges, take)
  }

  async #takeFirst(candidate: Candidate<Request>): Promise<FirstStep> {
    const { request, client, queues } = candidate
    if (!this.#hasFirst) return { step: undefined, held: undefined, others: [] }
    // A refusal reports the state of the other rules too.
    const others = zeroCharges(this.#laterRules, request, client, this.#options.scaling)
    const isQueued = queues?.areEmpty === false
    const charges = isQueued ? await this.#first.chargesFor(request, client) : undefined
    const { decision, last } = await this.#takeInOrder(candidate, this.#first, others, charges, undefined)
    const step =
      last !== undefined && last.decision === decision ? last : { decision, charges: [], verdicts: [] }
    return { step, held: decision.allowed ? decision.permit : undefined, others }
  }

  /**
   * Decides on the rules of one step. The request waits if the rules let it.
   *
   * @param charges the current charges if other requests wait
   * @param take the first attempt
   */
  async #takeInOrder(
    { request, client, queues, terms, ...options }: Candidate<Request>,
    plan: RulePlan<Request>,
    others: readonly RuleCharge[],
    charges: readonly RuleCharge[] | undefined,
    take: (() => MaybePromise<Step>) | undefined,
  ): Promise<{ readonly decision: Decision; readonly last: Step | undefined }> {
    const { decider } = this.#options
    let attempt =
      charges === undefined
        ? take
        : () => this.#steps.takeStep([...charges, ...others].toSorted(this.#byPosition))
    let last: Step | undefined
    const takeAgain = () => plan.takeStep(request, client, others, this.#byPosition)
    // Limits may change while a request waits, so each attempt recomputes its charges.
    const decide = () => {
      const current = attempt ?? takeAgain
      attempt = undefined
      return andThen(current(), (step) => {
        last = step
        if (terms !== undefined) queues?.begin(step.decision, terms)
        return step.decision
      })
    }
    const forecast = () => {
      const charges = andThen(plan.chargesFor(request, client), (own) => [...own, ...others])
      const forecast = andThen(charges, (all) => decider.peek(all.toSorted(this.#byPosition)))
      return andThen(forecast, ({ quotas }): readonly Quota[] => quotas)
    }
    const queued = { ...options, decide, forecast, terms }
    if (queues !== undefined && charges !== undefined)
      return { decision: await queues.admit(charges, queued), last }
    const ticket = queues?.newTicket() ?? 0
    const decision = await decide()
    if (queues === undefined || (decision.allowed && queues.areEmpty)) return { decision, last }
    const own = (last as unknown as Step).charges.filter((charge) => !others.includes(charge))
    return { decision: await queues.waitAfter(decision, own, queued, ticket), last }
  }

  async #decideLater(
    candidate: Candidate<Request>,
    first: FirstStep,
    charges: readonly RuleCharge[] | undefined,
    take: (() => MaybePromise<Step>) | undefined,
  ): Promise<Decision> {
    let taken: { readonly decision: Decision; readonly last: Step | undefined }
    try {
      taken = await this.#takeInOrder(candidate, this.#later, [], charges, take)
    } catch (error) {
      await refund(first.held)
      throw error
    }
    const { decision, last } = taken
    if (decision.allowed) return this.#joined(first, last as Step, candidate.terms !== undefined)
    await refund(first.held)
    return this.#refused(first, decision)
  }

  /** Joins both steps into one decision with one permit. */
  async #joined({ step, others }: FirstStep, later: Step, hasTerms: boolean): Promise<Decision> {
    const pairs = [...(step === undefined ? [] : pairsOf(step)), ...pairsOf(later)]
    const byRule = new Map(pairs.map((pair) => [pair.charge.rule.name, pair]))
    const joined = [...byRule.values()]
    // A shadow rule that cannot read the body is in neither step.
    const missing = others.filter(({ rule }) => !byRule.has(rule.name))
    const { decision } = await this.#options.decider.stepOn(
      joined.map(({ charge }) => charge),
      joined.map(({ verdict }) => verdict),
      missing,
      this.#byPosition,
    )
    if (hasTerms && decision.allowed && later.decision.allowed)
      decision.permit.continueServiceOf(later.decision.permit)
    return decision
  }

  /**
   * Returns the refusal of the second step, with the quotas of the first rules after their refund.
   */
  async #refused(
    { step, others }: FirstStep,
    later: Decision & { readonly refusal: Refusal },
  ): Promise<Decision> {
    const decided = new Set(later.quotas.map(({ rule }) => rule))
    const before = (step?.decision.quotas ?? []).filter(({ rule }) => !decided.has(rule)).map(afterRefund)
    // A shadow rule that cannot read the body is in neither step.
    const known = new Set([...before, ...later.quotas].map(({ rule }) => rule))
    const missing = await this.#options.decider.peek(others.filter(({ rule }) => !known.has(rule.name)))
    const quotas = [...before, ...missing.quotas, ...later.quotas].toSorted(
      (one, other) => this.#positionOf(one.rule) - this.#positionOf(other.rule),
    )
    const degraded = later.degraded ?? step?.decision.degraded
    return { allowed: false, quotas, refusal: later.refusal, ...(degraded && { degraded }) }
  }

  readonly #byPosition = (one: RuleCharge, other: RuleCharge): number =>
    this.#positionOf(one.rule.name) - this.#positionOf(other.rule.name)

  #positionOf(rule: string): number {
    return this.#positions.get(rule) ?? 0
  }
}

function pairsOf({ charges, verdicts }: Step) {
  return charges.map((charge, index) => ({ charge, verdict: verdicts[index] as Step['verdicts'][number] }))
}

function afterRefund(quota: Quota): Quota {
  const refunded = quota.allowed ? quota.cost : 0
  return { ...quota, remaining: Math.min(Math.floor(quota.remaining + refunded), capacityOf(quota.limit)) }
}

/**
 * Refunds the first step. A failed refund does not change the decision, because the usage expires
 * anyway.
 */
async function refund(held: Permit | undefined): Promise<void> {
  await held?.cancel().catch(() => {})
}
