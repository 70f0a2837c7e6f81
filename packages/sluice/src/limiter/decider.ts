import { andThen, type MaybePromise } from '../maybe-promise.js'
import type { Resource } from '../rules/rule.js'
import { allEnforcedFit } from '../stores/enforcement.js'
import type { Store, StoreVerdict } from '../stores/store.js'
import { type DecidingStore, isDeciding, type StoreOutcome } from '../stores/synchronous-store.js'
import { systemClock } from '../time/clock.js'
import { AllowedDecision, type CreatePermit } from './allowed-decision.js'
import { quotasOf, type RuleCharge } from './charges.js'
import { type Decision, type Forecast, refusalOf } from './decision.js'
import type { LimiterEvents } from './limiter-events.js'
import { Permit, type PermitListener, type Renewal } from './permit.js'
import type { SlotQueues } from './slot-queues.js'

/** One step of a two-step admission. */
export interface Step {
  readonly charges: readonly RuleCharge[]
  readonly verdicts: readonly StoreVerdict[]
  readonly decision: Decision
}

/** Turns the verdicts of a store on a list of charges into a decision on the request. */
export class Decider {
  /** The store, if it decides in this process and creates verdicts only on demand. */
  readonly #deciding: DecidingStore | undefined

  /**
   * @param resources the resources that the rules count
   * @param queues served when slots are freed; undefined if no rule lets requests wait
   * @param events undefined if the limiter has no listener
   */
  constructor(
    private readonly store: Store,
    private readonly renewal: Renewal,
    private readonly resources: readonly Resource[],
    private readonly queues: Pick<SlotQueues, 'onSlotsFreed'> | undefined,
    private readonly events: Pick<LimiterEvents<never>, 'watchStore' | 'permitListener'> | undefined,
  ) {
    this.#deciding = isDeciding(store) ? store : undefined
  }

  /** Takes all charges or none. */
  take(charges: readonly RuleCharge[]): MaybePromise<Decision> {
    if (this.#deciding === undefined || charges.length === 0)
      return andThen(this.#takeVerdicts(charges), (verdicts) => this.decisionOn(charges, verdicts))
    const outcome = this.#deciding.decide(charges)
    return outcome.admitted ? this.#allowed(charges, outcome) : this.decisionOn(charges, outcome.verdicts())
  }

  /** Takes all charges or none as one step of a two-step admission. The permit emits no events. */
  takeStep(charges: readonly RuleCharge[]): MaybePromise<Step> {
    return andThen(this.#takeVerdicts(charges), (verdicts) => {
      const forecast = forecastOf(charges, verdicts)
      const decision = forecast.allowed
        ? { ...forecast, permit: this.#newPermit(charges, verdicts, undefined) }
        : forecast
      return { charges, verdicts, decision }
    })
  }

  /** Returns the decision that `take` would make now. */
  peek(charges: readonly RuleCharge[]): MaybePromise<Forecast> {
    const verdicts = charges.length === 0 ? [] : this.store.peek(charges)
    return andThen(verdicts, (known) => forecastOf(charges, known))
  }

  /** Returns the decision for the verdicts of a take. */
  decisionOn(charges: readonly RuleCharge[], verdicts: readonly StoreVerdict[]): Decision {
    if (admits(charges, verdicts))
      return this.#allowed(charges, { admitted: true, verdicts: () => [...verdicts] })
    const forecast = forecastOf(charges, verdicts)
    return forecast.allowed ? { ...forecast, permit: this.createPermit(charges, verdicts) } : forecast
  }

  readonly createPermit: CreatePermit = (charges, verdicts) => this.#newPermit(charges, verdicts, this.events)

  #newPermit(
    charges: readonly RuleCharge[],
    verdicts: readonly StoreVerdict[],
    events: Pick<LimiterEvents<never>, 'permitListener'> | undefined,
  ): Permit {
    const taken = charges.flatMap((charge, index) => {
      const { rule } = charge
      const verdict = verdicts[index] as StoreVerdict
      return verdict.allowed ? [{ rule: rule.name, resource: rule.resource, charge, verdict }] : []
    })
    const { queues } = this
    const listeners: PermitListener[] = []
    if (queues !== undefined) {
      const startedAt = systemClock.now()
      listeners.push({
        onReleased: (slots) => {
          const heldMs = systemClock.now() - startedAt
          for (const { charge } of slots) queues.onSlotsFreed(charge.scope, charge.key, heldMs)
        },
      })
    }
    if (events !== undefined) listeners.push(events.permitListener(taken))
    return new Permit(this.store, this.renewal, taken, this.resources, listeners)
  }

  #takeVerdicts(charges: readonly RuleCharge[]): MaybePromise<StoreVerdict[]> {
    // A request without charges needs no store, so it is admitted even during an outage.
    if (charges.length === 0) return []
    const take = () => this.store.take(charges)
    return this.events === undefined ? take() : this.events.watchStore(take)
  }

  #allowed(charges: readonly RuleCharge[], outcome: StoreOutcome): Decision {
    const decision = new AllowedDecision(charges, outcome, this.createPermit)
    // Events report how long slots were held, so the permit of a request with slots is created now.
    if (this.events !== undefined && charges.some(holdsSlot)) decision.permit
    return decision
  }
}

function holdsSlot({ lease }: RuleCharge): boolean {
  return lease !== undefined
}

/** Reports whether the store itself, and not a fallback, admits the request. */
function admits(charges: readonly RuleCharge[], verdicts: readonly StoreVerdict[]): boolean {
  return allEnforcedFit(charges, verdicts) && verdicts.every(({ degraded }) => degraded === undefined)
}

function forecastOf(charges: readonly RuleCharge[], verdicts: readonly StoreVerdict[]): Forecast {
  const quotas = quotasOf(charges, verdicts)
  const refusal = refusalOf(quotas)
  const degraded = verdicts.find((verdict) => verdict.degraded !== undefined)?.degraded
  const common = { quotas, ...(degraded && { degraded }) }
  return refusal === undefined ? { allowed: true, ...common } : { allowed: false, refusal, ...common }
}
