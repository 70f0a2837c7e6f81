import type { StoreVerdict } from '../stores/store.js'
import type { Outcome } from '../stores/synchronous-store.js'
import { quotasOf, type RuleCharge } from './charges.js'
import type { Decision, Quota } from './decision.js'
import type { Permit } from './permit.js'

/** Makes what an allowed request holds. */
export type PermitMaker = (charges: readonly RuleCharge[], verdicts: readonly StoreVerdict[]) => Permit

/**
 * The decision that lets a request in, where the store answered at once. What it says in detail is worked out when it is asked for: who wants to
 * know only whether a request is let in waits for nothing else.
 */
export class Admission implements Extract<Decision, { readonly allowed: true }> {
  readonly allowed = true
  #verdicts: readonly StoreVerdict[] | undefined
  #quotas: readonly Quota[] | undefined
  #permit: Permit | undefined

  constructor(
    private readonly charges: readonly RuleCharge[],
    private readonly outcome: Outcome,
    private readonly makePermit: PermitMaker,
  ) {}

  get quotas(): readonly Quota[] {
    this.#quotas ??= quotasOf(this.charges, this.#told())
    return this.#quotas
  }

  get permit(): Permit {
    this.#permit ??= this.makePermit(this.charges, this.#told())
    return this.#permit
  }

  /** What a log is to say of it. */
  toJSON(): Pick<Decision, 'allowed' | 'quotas'> {
    return { allowed: true, quotas: this.quotas }
  }

  #told(): readonly StoreVerdict[] {
    this.#verdicts ??= this.outcome.verdicts()
    return this.#verdicts
  }
}
