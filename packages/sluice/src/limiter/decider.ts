import { andThen, type MaybePromise } from '../maybe-promise.js'
import { allEnforcedFit } from '../stores/enforcement.js'
import type { Store, StoreVerdict } from '../stores/store.js'
import { StoreDecision } from './allowed-decision.js'
import { quotasOf, type RuleCharge } from './charges.js'
import { type Decision, type Forecast, refusalOf } from './decision.js'
import type { LimiterEvents } from './limiter-events.js'
import type { PermitContext } from './permit.js'

/** One step of a two-step admission. */
export interface Step {
  readonly charges: readonly RuleCharge[]
  readonly verdicts: readonly StoreVerdict[]
  readonly decision: Decision
}

/** Turns the verdicts of a store on a list of charges into a decision on the request. */
export class Decider {
  /** @param events undefined if the limiter has no listener */
  constructor(
    private readonly store: Store,
    readonly permitContext: PermitContext,
    private readonly events: Pick<LimiterEvents<never>, 'watchStore'> | undefined,
  ) {}

  /** Returns a decider for a step of a two-step admission, whose permits emit no events. */
  forSteps(): Decider {
    const { permitContext: context } = this
    const stepContext: PermitContext = {
      ...context,
      // The queues are in use from the first request that may wait.
      get queues() {
        return context.queues
      },
      events: undefined,
    }
    return new Decider(this.store, stepContext, this.events)
  }

  /** Takes all charges or none. */
  take(charges: readonly RuleCharge[]): MaybePromise<Decision> {
    return andThen(this.#takeVerdicts(charges), (verdicts) => this.decisionOn(charges, verdicts))
  }

  /** Takes all charges or none as one step of a two-step admission. */
  takeStep(charges: readonly RuleCharge[]): MaybePromise<Step> {
    return andThen(this.#takeVerdicts(charges), (verdicts) => {
      return { charges, verdicts, decision: this.decisionOn(charges, verdicts) }
    })
  }

  /**
   * Returns one step for the verdicts of a take and for other charges, which take nothing.
   *
   * @param order sorts the charges
   */
  stepOn(
    charges: readonly RuleCharge[],
    verdicts: readonly StoreVerdict[],
    others: readonly RuleCharge[],
    order: (one: RuleCharge, other: RuleCharge) => number,
  ): MaybePromise<Step> {
    return andThen(others.length === 0 ? [] : this.store.peek(others), (otherVerdicts) => {
      const all = [...verdicts, ...otherVerdicts]
      const pairs = [...charges, ...others].map((charge, index) => ({
        charge,
        verdict: all[index] as StoreVerdict,
      }))
      pairs.sort((one, other) => order(one.charge, other.charge))
      const [ordered, known] = [pairs.map(({ charge }) => charge), pairs.map(({ verdict }) => verdict)]
      return { charges: ordered, verdicts: known, decision: this.decisionOn(ordered, known) }
    })
  }

  /** Returns the decision that `take` would make now. */
  peek(charges: readonly RuleCharge[]): MaybePromise<Forecast> {
    const verdicts = charges.length === 0 ? [] : this.store.peek(charges)
    return andThen(verdicts, (known) => forecastOf(charges, known))
  }

  /** Returns the decision for the verdicts of a take. */
  decisionOn(charges: readonly RuleCharge[], verdicts: readonly StoreVerdict[]): Decision {
    if (admits(charges, verdicts)) {
      const decision = new StoreDecision(charges, verdicts, this.permitContext)
      // Events report how long slots were held, so a permit with slots is created now.
      if (this.permitContext.events !== undefined && charges.some(holdsSlot)) decision.permit
      return decision
    }
    const forecast = forecastOf(charges, verdicts)
    return forecast.allowed
      ? { ...forecast, permit: new StoreDecision(charges, verdicts, this.permitContext).permit }
      : forecast
  }

  #takeVerdicts(charges: readonly RuleCharge[]): MaybePromise<StoreVerdict[]> {
    // A request without charges needs no store, so it is admitted even during an outage.
    if (charges.length === 0) return []
    const take = () => this.store.take(charges)
    return this.events === undefined ? take() : this.events.watchStore(take)
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
