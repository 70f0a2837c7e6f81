import { capacityOf } from '../limits/limit.js'
import { andThen, type MaybePromise } from '../maybe-promise.js'
import type { Client } from '../rules/client.js'
import type { Requirement } from '../rules/requirement.js'
import { chargesFor, freeCharges, type RuleCharge, type Scaling, type ScopedRule } from './charges.js'
import type { Decider, Step } from './decider.js'
import type { Decision, Quota, Refusal } from './decision.js'
import type { RequestBody } from './limiter-types.js'
import type { Permit } from './permit.js'
import type { SlotQueues } from './slot-queues.js'

export interface TwoStepOptions<Request> {
  readonly rules: readonly ScopedRule<Request>[]
  /** Whether a rule is decided on once the body is here. */
  readonly isLater: (rule: ScopedRule<Request>) => boolean
  /** What a request must meet, where that reads the body. */
  readonly requirement: Requirement<Request> | undefined
  readonly scaling: Scaling | undefined
  readonly decisions: Decider
  readonly waiting: SlotQueues | undefined
}

/** The request that is decided on. */
interface Candidate<Request> {
  readonly request: Request
  readonly client: Client | undefined
  readonly body: RequestBody
  readonly signal: AbortSignal | undefined
  /** Who waits for a slot. */
  readonly waiter: string | undefined
}

/** What was decided without the body. */
interface FirstStep {
  /** Undefined where no rule can be decided without the body. */
  readonly step: Step | undefined
  readonly held: Permit | undefined
}

/**
 * Decides on requests whose body is still to come. The rules that need no body are charged first, so that a client which is
 * over them is refused before it is listened to, and bodies that cannot be read are not free. Then the body is received, and
 * the other rules are decided together with the slots. If those refuse, what the first ones took is given back.
 */
export class TwoStepAdmission<Request> {
  readonly #options: TwoStepOptions<Request>
  readonly #first: readonly ScopedRule<Request>[]
  readonly #later: readonly ScopedRule<Request>[]
  /** The place of each rule among all of them, by its name. */
  readonly #places: ReadonlyMap<string, number>

  constructor(options: TwoStepOptions<Request>) {
    const { rules, isLater } = options
    this.#options = options
    this.#first = rules.filter((rule) => !isLater(rule))
    this.#later = rules.filter(isLater)
    this.#places = new Map(rules.map(({ name }, place) => [name, place]))
  }

  /**
   * Works out what all rules charge for a request whose body is here, for it to be decided on at once. Where the body cannot
   * be read, the first rules are charged, and their decision is returned if they refuse.
   *
   * @throws why the body cannot be read, where the first rules do not refuse.
   */
  chargesAtOnce(candidate: Candidate<Request>): MaybePromise<readonly RuleCharge[] | Decision> {
    const { request, client, body } = candidate
    const { requirement, scaling, rules } = this.#options
    const fail = (error: unknown) => this.#chargeFirst(candidate, error)
    try {
      const received = body.receive(undefined)
      const met = andThen(received, () => requirement?.(request, client))
      const charges = andThen(met, () => chargesFor(rules, request, client, scaling))
      return charges instanceof Promise ? charges.catch(fail) : charges
    } catch (error) {
      return fail(error)
    }
  }

  #chargeFirst({ request, client }: Candidate<Request>, error: unknown): MaybePromise<Decision> {
    const { scaling, decisions } = this.#options
    const charges = chargesFor(this.#first, request, client, scaling)
    const decided = andThen(charges, (first) => decisions.take(first))
    return andThen(decided, (decision) => {
      if (decision.allowed) throw error
      return decision
    })
  }

  /** Decides on a request whose body is still to come. */
  async admit(candidate: Candidate<Request>): Promise<Decision> {
    const { request, client, body } = candidate
    const { requirement, scaling } = this.#options
    const first = await this.#takeFirst(candidate)
    if (first.step?.decision.allowed === false) return first.step.decision
    await body.receive(first.held)
    await requirement?.(request, client)
    const later = await chargesFor(this.#later, request, client, scaling)
    // What throws up to here is the fault of the request, which stays charged.
    return this.#decideLater(candidate, first, later)
  }

  async #takeFirst({ request, client }: Candidate<Request>): Promise<FirstStep> {
    if (this.#first.length === 0) return { step: undefined, held: undefined }
    const { scaling, decisions } = this.#options
    const first = await chargesFor(this.#first, request, client, scaling)
    // A refusal tells how the client stands with the other rules, too.
    const others = freeCharges(this.#later, request, client, scaling)
    const step = await decisions.takeStep([...first, ...others].toSorted(this.#byPlace))
    return { step, held: step.decision.allowed ? step.decision.permit : undefined }
  }

  async #decideLater(
    { request, client, signal, waiter }: Candidate<Request>,
    first: FirstStep,
    charges: readonly RuleCharge[],
  ): Promise<Decision> {
    const { decisions, waiting, scaling } = this.#options
    let current: readonly RuleCharge[] | undefined = charges
    let last: Step | undefined
    // While a request waits for a slot, limits may change: each attempt works its charges out again.
    const decide = () => {
      const attempted: MaybePromise<readonly RuleCharge[]> =
        current ?? chargesFor(this.#later, request, client, scaling)
      current = undefined
      const taken = andThen(attempted, (charges) => decisions.takeStep(charges))
      return andThen(taken, (step) => {
        last = step
        return step.decision
      })
    }
    const forecast = () => {
      const charges = chargesFor(this.#later, request, client, scaling)
      const forecast = andThen(charges, (later) => decisions.peek(later))
      return andThen(forecast, ({ quotas }): readonly Quota[] => quotas)
    }
    let decision: Decision
    try {
      decision = await (waiting === undefined
        ? decide()
        : waiting.admit(charges, decide, forecast, signal, waiter))
    } catch (error) {
      await giveBack(first.held)
      throw error
    }
    if (decision.allowed) return this.#joined(first, last as Step)
    await giveBack(first.held)
    return this.#refused(first, decision)
  }

  /** Both steps as one admission, with one permit. */
  #joined({ step }: FirstStep, later: Step): Decision {
    const pairs = [...(step === undefined ? [] : pairsOf(step)), ...pairsOf(later)]
    const byRule = new Map(pairs.map((pair) => [pair.charge.rule.name, pair]))
    const inOrder = [...byRule.values()].toSorted((one, other) => this.#byPlace(one.charge, other.charge))
    return this.#options.decisions.answer(
      inOrder.map(({ charge }) => charge),
      inOrder.map(({ verdict }) => verdict),
    )
  }

  /** The refusal of the second step, with how the request stands with the first rules: as if it had not come. */
  #refused({ step }: FirstStep, later: Decision & { readonly refusal: Refusal }): Decision {
    const decided = new Set(later.quotas.map(({ rule }) => rule))
    const before = (step?.decision.quotas ?? []).filter(({ rule }) => !decided.has(rule)).map(untaken)
    const quotas = [...before, ...later.quotas].toSorted(
      (one, other) => this.#placeOf(one.rule) - this.#placeOf(other.rule),
    )
    const degraded = later.degraded ?? step?.decision.degraded
    return { allowed: false, quotas, refusal: later.refusal, ...(degraded && { degraded }) }
  }

  readonly #byPlace = (one: RuleCharge, other: RuleCharge): number =>
    this.#placeOf(one.rule.name) - this.#placeOf(other.rule.name)

  #placeOf(rule: string): number {
    return this.#places.get(rule) ?? 0
  }
}

function pairsOf({ charges, verdicts }: Step) {
  return charges.map((charge, index) => ({ charge, verdict: verdicts[index] as Step['verdicts'][number] }))
}

function untaken(quota: Quota): Quota {
  const given = quota.allowed ? quota.cost : 0
  return { ...quota, remaining: Math.min(Math.floor(quota.remaining + given), capacityOf(quota.limit)) }
}

/** A refund that the store does not take is no reason to change the answer: it comes back as time goes by. */
async function giveBack(held: Permit | undefined): Promise<void> {
  await held?.cancel().catch(() => {})
}
