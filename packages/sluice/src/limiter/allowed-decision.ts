import type { Limit } from '../limits/limit.js'
import type { Resource } from '../rules/rule.js'
import type { PreparedCharges, TakenRequest } from '../stores/preparing-store.js'
import type { StoreVerdict } from '../stores/store.js'
import { chargeOf, quotasOf, RequestQuota, type RuleCharge, type ScopedRule } from './charges.js'
import type { Decision, Quota } from './decision.js'
import { type AdmittedCharges, Permit, type PermitContext } from './permit.js'

/**
 * The decision on an admitted request. Its quotas and permit are computed on first access, so a
 * caller that reads only `allowed` does not pay for them.
 */
abstract class AllowedDecision implements AdmittedCharges {
  // Declared fields are not initialized a second time.
  declare readonly allowed: true
  declare protected knownQuotas: readonly Quota[] | undefined
  declare protected knownPermit: Permit | undefined

  constructor() {
    this.allowed = true
    this.knownQuotas = undefined
    this.knownPermit = undefined
  }

  get quotas(): readonly Quota[] {
    this.knownQuotas ??= this.readQuotas()
    return this.knownQuotas
  }

  get permit(): Permit {
    this.knownPermit ??= new Permit(this, this.context)
    return this.knownPermit
  }

  /** Returns the properties to log. */
  toJSON(): Pick<Decision, 'allowed' | 'quotas'> {
    return { allowed: true, quotas: this.quotas }
  }

  /** Returns the charges that were taken, with their verdicts. */
  takenCharges(): { readonly charges: readonly RuleCharge[]; readonly verdicts: readonly StoreVerdict[] } {
    const indexes = Array.from({ length: this.size }, (_, index) => index)
    const taken = indexes.filter((index) => this.resourceOf(index) !== undefined)
    return {
      charges: taken.map((index) => this.chargeAt(index)),
      verdicts: taken.map((index) => this.verdictAt(index)),
    }
  }

  abstract readonly size: number
  abstract resourceOf(index: number): Resource | undefined
  abstract countsSlots(index: number): boolean
  abstract costOf(index: number): number
  abstract limitOf(index: number): Limit
  abstract chargeAt(index: number): RuleCharge
  abstract verdictAt(index: number): StoreVerdict
  abstract settleAt(index: number, cost: number): boolean
  protected abstract readonly context: PermitContext
  protected abstract readQuotas(): Quota[]
}

/** A decision based on the verdicts of a store. */
export class StoreDecision extends AllowedDecision {
  constructor(
    private readonly charges: readonly RuleCharge[],
    private readonly verdicts: readonly StoreVerdict[],
    protected readonly context: PermitContext,
  ) {
    super()
  }

  get size(): number {
    return this.charges.length
  }

  resourceOf(index: number): Resource | undefined {
    return this.verdictAt(index).allowed ? this.chargeAt(index).rule.resource : undefined
  }

  countsSlots(index: number): boolean {
    return this.verdictAt(index).allowed && this.chargeAt(index).lease !== undefined
  }

  costOf(index: number): number {
    return this.chargeAt(index).cost
  }

  limitOf(index: number): Limit {
    return this.chargeAt(index).limit
  }

  chargeAt(index: number): RuleCharge {
    return this.charges[index] as RuleCharge
  }

  verdictAt(index: number): StoreVerdict {
    return this.verdicts[index] as StoreVerdict
  }

  settleAt(): boolean {
    return false
  }

  protected readQuotas(): Quota[] {
    return quotasOf(this.charges, this.verdicts)
  }
}

/** The rules of a limiter whose store decides on prepared charges. */
export interface PreparedRules {
  readonly rules: readonly ScopedRule<never>[]
  readonly prepared: PreparedCharges
  readonly context: PermitContext
}

/** A decision on prepared charges, all of which were taken. */
export class PreparedDecision extends AllowedDecision implements TakenRequest {
  declare readonly source: PreparedRules
  declare readonly limits: readonly (Limit | undefined)[]
  declare readonly numbers: readonly number[]
  declare readonly offset: number
  /** One key for all rules, or one for each. */
  declare readonly keys: string | readonly string[]

  constructor(
    source: PreparedRules,
    limits: readonly (Limit | undefined)[],
    keys: string | readonly string[],
    numbers: readonly number[],
    offset: number,
  ) {
    super()
    this.source = source
    this.limits = limits
    this.keys = keys
    this.numbers = numbers
    this.offset = offset
  }

  protected get context(): PermitContext {
    return this.source.context
  }

  get size(): number {
    return this.limits.length
  }

  resourceOf(index: number): Resource | undefined {
    return this.limits[index] === undefined ? undefined : this.#rule(index).resource
  }

  countsSlots(index: number): boolean {
    return this.limits[index]?.algorithm === 'concurrency'
  }

  keyOf(index: number): string {
    return typeof this.keys === 'string' ? this.keys : (this.keys[index] as string)
  }

  costOf(index: number): number {
    return this.source.prepared.cost(index, this)
  }

  limitOf(index: number): Limit {
    return this.limits[index] as Limit
  }

  chargeAt(index: number): RuleCharge {
    const limit = this.limitOf(index)
    const lease = this.source.prepared.lease(index, this)
    // A charge that was taken fits, so `fitsAfter` is 0.
    return chargeOf(this.#rule(index), this.keyOf(index), limit, this.costOf(index), 0, lease)
  }

  verdictAt(index: number): StoreVerdict {
    return this.source.prepared.verdict(index, this)
  }

  settleAt(index: number, cost: number): boolean {
    return this.source.prepared.settle(index, this, cost)
  }

  protected readQuotas(): Quota[] {
    const quotas: Quota[] = []
    for (let index = 0; index < this.limits.length; index++) {
      const limit = this.limits[index]
      if (limit === undefined) continue
      const charge = { rule: this.#rule(index), key: this.keyOf(index), limit, cost: this.costOf(index) }
      quotas.push(new RequestQuota(charge, 0, this.verdictAt(index)))
    }
    return quotas
  }

  #rule(index: number): ScopedRule<never> {
    return this.source.rules[index] as ScopedRule<never>
  }
}
