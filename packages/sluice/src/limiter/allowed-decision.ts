import type { StoreVerdict } from '../stores/store.js'
import type { StoreOutcome } from '../stores/synchronous-store.js'
import { quotasOf, type RuleCharge } from './charges.js'
import type { Decision, Quota } from './decision.js'
import type { Permit } from './permit.js'

/** Creates the permit of an admitted request. */
export type CreatePermit = (charges: readonly RuleCharge[], verdicts: readonly StoreVerdict[]) => Permit

/**
 * The decision on an admitted request. Its quotas and permit are computed on first access, so a
 * caller that reads only `allowed` does not pay for them.
 */
export class AllowedDecision implements Extract<Decision, { readonly allowed: true }> {
  readonly allowed = true
  #verdicts: readonly StoreVerdict[] | undefined
  #quotas: readonly Quota[] | undefined
  #permit: Permit | undefined

  constructor(
    private readonly charges: readonly RuleCharge[],
    private readonly outcome: StoreOutcome,
    private readonly createPermit: CreatePermit,
  ) {}

  get quotas(): readonly Quota[] {
    this.#quotas ??= quotasOf(this.charges, this.#readVerdicts())
    return this.#quotas
  }

  get permit(): Permit {
    this.#permit ??= this.createPermit(this.charges, this.#readVerdicts())
    return this.#permit
  }

  /** Returns the properties to log. */
  toJSON(): Pick<Decision, 'allowed' | 'quotas'> {
    return { allowed: true, quotas: this.quotas }
  }

  #readVerdicts(): readonly StoreVerdict[] {
    this.#verdicts ??= this.outcome.verdicts()
    return this.#verdicts
  }
}
