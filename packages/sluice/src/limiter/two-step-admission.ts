import { capacityOf } from '../limits/limit.js'
import { andThen, type MaybePromise } from '../maybe-promise.js'
import type { Client } from '../rules/client.js'
import type { Requirement } from '../rules/requirement.js'
import { chargesFor, type RuleCharge, type Scaling, type ScopedRule, zeroCharges } from './charges.js'
import type { Decider, Step } from './decider.js'
import type { Decision, Quota, Refusal } from './decision.js'
import type { RequestBody } from './limiter-types.js'
import type { Permit } from './permit.js'
import type { SlotQueues } from './slot-queues.js'

export interface TwoStepOptions<Request> {
  readonly rules: readonly ScopedRule<Request>[]
  /** Reports whether a rule belongs to the second step. */
  readonly isLater: (rule: ScopedRule<Request>) => boolean
  /** The limiter's requirement, if it reads the body. */
  readonly requirement: Requirement<Request> | undefined
  readonly scaling: Scaling | undefined
  readonly decider: Decider
  readonly queues: SlotQueues | undefined
}

interface Candidate<Request> {
  readonly request: Request
  readonly client: Client | undefined
  readonly body: RequestBody
  readonly signal: AbortSignal | undefined
  /** The client or address that waits for a slot. */
  readonly waiter: string | undefined
}

/** The result of the step without the body. */
interface FirstStep {
  /** Undefined if every rule needs the body. */
  readonly step: Step | undefined
  readonly held: Permit | undefined
}

/**
 * Admits requests whose body has not arrived. It first charges the rules that need no body. So a
 * client that exceeds these limits is refused before its body is read, and requests with unreadable
 * bodies are not free. It then receives the body and decides on the other rules together with the
 * slots. If these refuse, it refunds the first rules.
 */
export class TwoStepAdmission<Request> {
  readonly #options: TwoStepOptions<Request>
  readonly #first: readonly ScopedRule<Request>[]
  readonly #later: readonly ScopedRule<Request>[]
  /** The position of each rule, by name. */
  readonly #positions: ReadonlyMap<string, number>

  constructor(options: TwoStepOptions<Request>) {
    const { rules, isLater } = options
    this.#options = options
    this.#first = rules.filter((rule) => !isLater(rule))
    this.#later = rules.filter(isLater)
    this.#positions = new Map(rules.map(({ name }, position) => [name, position]))
  }

  /**
   * Computes the charges of all rules for a request whose body has arrived. If the body cannot be
   * read, it charges the first rules and returns their decision if they refuse.
   *
   * @throws the error of the body if the first rules admit the request.
   */
  chargesWithBody(candidate: Candidate<Request>): MaybePromise<readonly RuleCharge[] | Decision> {
    const { request, client, body } = candidate
    const { requirement, scaling, rules } = this.#options
    const fail = (error: unknown) => this.#chargeFirst(candidate, error)
    try {
      const received = body.receive(undefined)
      const permitted = andThen(received, () => requirement?.(request, client))
      const charges = andThen(permitted, () => chargesFor(rules, request, client, scaling))
      return charges instanceof Promise ? charges.catch(fail) : charges
    } catch (error) {
      return fail(error)
    }
  }

  #chargeFirst({ request, client }: Candidate<Request>, error: unknown): MaybePromise<Decision> {
    const { scaling, decider } = this.#options
    const charges = chargesFor(this.#first, request, client, scaling)
    const decided = andThen(charges, (first) => decider.take(first))
    return andThen(decided, (decision) => {
      if (decision.allowed) throw error
      return decision
    })
  }

  /** Decides on a request whose body has not arrived. */
  async admit(candidate: Candidate<Request>): Promise<Decision> {
    const { request, client, body } = candidate
    const { requirement, scaling } = this.#options
    const first = await this.#takeFirst(candidate)
    if (first.step?.decision.allowed === false) return first.step.decision
    await body.receive(first.held)
    await requirement?.(request, client)
    const later = await chargesFor(this.#later, request, client, scaling)
    // Errors up to here are caused by the request, so the first step stays charged.
    return this.#decideLater(candidate, first, later)
  }

  async #takeFirst({ request, client }: Candidate<Request>): Promise<FirstStep> {
    if (this.#first.length === 0) return { step: undefined, held: undefined }
    const { scaling, decider } = this.#options
    const first = await chargesFor(this.#first, request, client, scaling)
    // A refusal reports the state of the other rules too.
    const others = zeroCharges(this.#later, request, client, scaling)
    const step = await decider.takeStep([...first, ...others].toSorted(this.#byPosition))
    return { step, held: step.decision.allowed ? step.decision.permit : undefined }
  }

  async #decideLater(
    { request, client, signal, waiter }: Candidate<Request>,
    first: FirstStep,
    charges: readonly RuleCharge[],
  ): Promise<Decision> {
    const { decider, queues, scaling } = this.#options
    let current: readonly RuleCharge[] | undefined = charges
    let last: Step | undefined
    // Limits may change while a request waits, so each attempt recomputes its charges.
    const decide = () => {
      const attempted: MaybePromise<readonly RuleCharge[]> =
        current ?? chargesFor(this.#later, request, client, scaling)
      current = undefined
      const taken = andThen(attempted, (charges) => decider.takeStep(charges))
      return andThen(taken, (step) => {
        last = step
        return step.decision
      })
    }
    const forecast = () => {
      const charges = chargesFor(this.#later, request, client, scaling)
      const forecast = andThen(charges, (later) => decider.peek(later))
      return andThen(forecast, ({ quotas }): readonly Quota[] => quotas)
    }
    let decision: Decision
    try {
      decision = await (queues === undefined
        ? decide()
        : queues.admit(charges, decide, forecast, signal, waiter))
    } catch (error) {
      await refund(first.held)
      throw error
    }
    if (decision.allowed) return this.#joined(first, last as Step)
    await refund(first.held)
    return this.#refused(first, decision)
  }

  /** Joins both steps into one decision with one permit. */
  #joined({ step }: FirstStep, later: Step): Decision {
    const pairs = [...(step === undefined ? [] : pairsOf(step)), ...pairsOf(later)]
    const byRule = new Map(pairs.map((pair) => [pair.charge.rule.name, pair]))
    const inOrder = [...byRule.values()].toSorted((one, other) => this.#byPosition(one.charge, other.charge))
    return this.#options.decider.decisionOn(
      inOrder.map(({ charge }) => charge),
      inOrder.map(({ verdict }) => verdict),
    )
  }

  /**
   * Returns the refusal of the second step, with the quotas of the first rules after their refund.
   */
  #refused({ step }: FirstStep, later: Decision & { readonly refusal: Refusal }): Decision {
    const decided = new Set(later.quotas.map(({ rule }) => rule))
    const before = (step?.decision.quotas ?? []).filter(({ rule }) => !decided.has(rule)).map(afterRefund)
    const quotas = [...before, ...later.quotas].toSorted(
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
 * by itself.
 */
async function refund(held: Permit | undefined): Promise<void> {
  await held?.cancel().catch(() => {})
}
