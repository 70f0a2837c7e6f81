import type { Limit } from '../limits/limit.js'
import type { MaybePromise } from '../maybe-promise.js'
import type { KeyFor } from '../rules/key-spec.js'
import type { Store } from '../stores/store.js'
import { type Found, isDeciding, type PreparedTaker } from '../stores/synchronous-store.js'
import { Admission } from './allowed-decision.js'
import { preparedCharge, RequestQuota, type RuleCharge, type ScopedRule } from './charges.js'
import type { Decider } from './decider.js'
import type { Decision, Quota } from './decision.js'
import type { Permit } from './permit.js'

/**
 * Rules that charge every request alike, and all for the same key, on a store that takes such charges without making them: what a decision allocates
 * is the decision. It took 180 ns with a charge for each rule.
 *
 * For limiters that tell nobody, know no clients, let nobody wait and warm nothing up.
 */
export class PreparedRules<Request> {
  private constructor(
    private readonly rules: readonly ScopedRule<Request>[],
    private readonly keyFor: KeyFor<Request>,
    private readonly taker: PreparedTaker,
    private readonly decisions: Decider,
  ) {}

  /** Undefined where the rules are no such ones, or the store takes them no quicker. */
  static of<Request>(
    rules: readonly ScopedRule<Request>[],
    store: Store,
    decisions: Decider,
  ): PreparedRules<Request> | undefined {
    const keyFor = rules[0]?.keyFor
    if (keyFor === undefined || !isDeciding(store)) return undefined
    const charges = rules.flatMap(({ scope, limit, cost, enforce, keyFor: own }) =>
      enforce && own === keyFor && limit !== undefined && cost !== undefined ? [{ scope, limit, cost }] : [],
    )
    const taker = charges.length === rules.length ? store.standing?.(charges) : undefined
    return taker && new PreparedRules(rules, keyFor, taker, decisions)
  }

  admit(request: Request): MaybePromise<Decision> {
    const key = this.keyFor(request, undefined)
    return key instanceof Promise ? key.then((later) => this.#take(later)) : this.#take(key)
  }

  #take(key: string): MaybePromise<Decision> {
    const { taker } = this
    const came = taker.take(key)
    if (came === 'taken') return new StandingAdmission(this, key, taker.at, taker.found())
    const charges = this.#charges(key)
    if (came === 'elsewhere') return this.decisions.take(charges)
    return this.decisions.answer(charges, taker.outcome(false, taker.at, taker.found()).verdicts())
  }

  /** The admission of a take, with all that it says. */
  admission(key: string, at: number, found: Found): Admission {
    return new Admission(this.#charges(key), this.taker.outcome(true, at, found), this.decisions.makePermit)
  }

  /** How the request of a take stands with each rule. For an answer's fields it is asked at each request: with its charges it took 0.1 µs more. */
  quotas(key: string, at: number, found: Found): Quota[] {
    const { rules, taker } = this
    const quotas: Quota[] = []
    for (let index = 0; index < rules.length; index++) {
      const rule = rules[index] as ScopedRule<Request>
      const limit = rule.limit as Limit
      const cost = rule.cost as number
      // What was let in fits.
      quotas.push(
        new RequestQuota({ rule, key, limit, cost, holdsAfter: 0 }, taker.verdict(index, at, found)),
      )
    }
    return quotas
  }

  #charges(key: string): RuleCharge[] {
    return this.rules.map((rule) => preparedCharge(rule, key))
  }
}

/** The decision that lets a request in, as the numbers that it can be told from; what they were, whatever comes after it. */
class StandingAdmission implements Extract<Decision, { readonly allowed: true }> {
  // Declared, and so not set twice.
  declare readonly allowed: true
  declare private readonly by: Pick<PreparedRules<never>, 'admission' | 'quotas'>
  declare private readonly key: string
  declare private readonly at: number
  declare private readonly found: Found
  declare private told: Admission | undefined
  declare private stands: readonly Quota[] | undefined

  constructor(by: Pick<PreparedRules<never>, 'admission' | 'quotas'>, key: string, at: number, found: Found) {
    this.allowed = true
    this.by = by
    this.key = key
    this.at = at
    this.found = found
    this.told = undefined
    this.stands = undefined
  }

  get quotas(): readonly Quota[] {
    this.stands ??= this.by.quotas(this.key, this.at, this.found)
    return this.stands
  }

  get permit(): Permit {
    return this.#admission().permit
  }

  toJSON(): ReturnType<Admission['toJSON']> {
    return { allowed: true, quotas: this.quotas }
  }

  #admission(): Admission {
    this.told ??= this.by.admission(this.key, this.at, this.found)
    return this.told
  }
}
