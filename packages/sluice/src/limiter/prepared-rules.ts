import type { Limit } from '../limits/limit.js'
import type { MaybePromise } from '../maybe-promise.js'
import type { KeyFor } from '../rules/key-spec.js'
import type { Store } from '../stores/store.js'
import { isDeciding, type PreparedTaker, type Snapshot } from '../stores/synchronous-store.js'
import { AllowedDecision } from './allowed-decision.js'
import { preparedCharge, RequestQuota, type RuleCharge, type ScopedRule } from './charges.js'
import type { Decider } from './decider.js'
import type { Decision, Quota } from './decision.js'
import type { Permit } from './permit.js'

/**
 * The fast path for rules with a fixed limit, a fixed cost and one common key. It allocates no
 * charges, only the decision. Requires a store that prepares charges, and a limiter without
 * clients, requirement, listener, queues or warm-up.
 */
export class PreparedRules<Request> {
  private constructor(
    private readonly rules: readonly ScopedRule<Request>[],
    private readonly keyFor: KeyFor<Request>,
    private readonly taker: PreparedTaker,
    private readonly decider: Decider,
  ) {}

  /** Returns undefined if the rules do not qualify, or the store has no fast path for them. */
  static of<Request>(
    rules: readonly ScopedRule<Request>[],
    store: Store,
    decider: Decider,
  ): PreparedRules<Request> | undefined {
    const keyFor = rules[0]?.keyFor
    if (keyFor === undefined || !isDeciding(store)) return undefined
    const charges = rules.flatMap(({ scope, limit, cost, enforce, keyFor: own }) =>
      enforce && own === keyFor && limit !== undefined && cost !== undefined ? [{ scope, limit, cost }] : [],
    )
    const taker = charges.length === rules.length ? store.prepare?.(charges) : undefined
    return taker && new PreparedRules(rules, keyFor, taker, decider)
  }

  admit(request: Request): MaybePromise<Decision> {
    const key = this.keyFor(request, undefined)
    return key instanceof Promise ? key.then((later) => this.#take(later)) : this.#take(key)
  }

  #take(key: string): MaybePromise<Decision> {
    const { taker } = this
    const outcome = taker.take(key)
    if (outcome === 'taken') return new PreparedDecision(this, key, taker.at, taker.snapshot())
    const charges = this.#charges(key)
    if (outcome === 'fallback') return this.decider.take(charges)
    return this.decider.decisionOn(charges, taker.outcome(false, taker.at, taker.snapshot()).verdicts())
  }

  /** Returns the complete decision of an earlier take. */
  decisionAt(key: string, at: number, snapshot: Snapshot): AllowedDecision {
    const outcome = this.taker.outcome(true, at, snapshot)
    return new AllowedDecision(this.#charges(key), outcome, this.decider.createPermit)
  }

  /**
   * Returns the quotas of an earlier take without allocating charges, which saves 0.1 µs per
   * response.
   */
  quotasAt(key: string, at: number, snapshot: Snapshot): Quota[] {
    const { rules, taker } = this
    const quotas: Quota[] = []
    for (let index = 0; index < rules.length; index++) {
      const rule = rules[index] as ScopedRule<Request>
      const limit = rule.limit as Limit
      const cost = rule.cost as number
      // An admitted charge fits, so `holdsAfter` is 0.
      quotas.push(
        new RequestQuota({ rule, key, limit, cost, holdsAfter: 0 }, taker.verdict(index, at, snapshot)),
      )
    }
    return quotas
  }

  #charges(key: string): RuleCharge[] {
    return this.rules.map((rule) => preparedCharge(rule, key))
  }
}

/** An allowed decision that keeps only a snapshot of its take. Later takes do not change it. */
class PreparedDecision implements Extract<Decision, { readonly allowed: true }> {
  // `declare` prevents a second initialization of the fields.
  declare readonly allowed: true
  declare private readonly rules: Pick<PreparedRules<never>, 'decisionAt' | 'quotasAt'>
  declare private readonly key: string
  declare private readonly at: number
  declare private readonly snapshot: Snapshot
  declare private complete: AllowedDecision | undefined
  declare private knownQuotas: readonly Quota[] | undefined

  constructor(
    rules: Pick<PreparedRules<never>, 'decisionAt' | 'quotasAt'>,
    key: string,
    at: number,
    snapshot: Snapshot,
  ) {
    this.allowed = true
    this.rules = rules
    this.key = key
    this.at = at
    this.snapshot = snapshot
    this.complete = undefined
    this.knownQuotas = undefined
  }

  get quotas(): readonly Quota[] {
    this.knownQuotas ??= this.rules.quotasAt(this.key, this.at, this.snapshot)
    return this.knownQuotas
  }

  get permit(): Permit {
    this.complete ??= this.rules.decisionAt(this.key, this.at, this.snapshot)
    return this.complete.permit
  }

  toJSON(): ReturnType<AllowedDecision['toJSON']> {
    return { allowed: true, quotas: this.quotas }
  }
}
