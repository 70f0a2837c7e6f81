import { andThen, type MaybePromise } from '../maybe-promise.js'
import type { Resource } from '../rules/rule.js'
import { allEnforcedFit } from '../stores/enforcement.js'
import type { Store, StoreVerdict } from '../stores/store.js'
import { type DecidingStore, isDeciding, type Outcome } from '../stores/synchronous-store.js'
import { systemClock } from '../time/clock.js'
import { Admission, type PermitMaker } from './allowed-decision.js'
import { quotasOf, type RuleCharge } from './charges.js'
import { type Decision, type Forecast, refusalOf } from './decision.js'
import type { EventSource } from './event-emitter.js'
import { Permit, type PermitListener, type Renewal } from './permit.js'
import type { SlotQueues } from './slot-queues.js'

/** One step of a request that is decided on in two. */
export interface Step {
  readonly charges: readonly RuleCharge[]
  readonly verdicts: readonly StoreVerdict[]
  readonly decision: Decision
}

/** What a store says of charges, as decisions on requests. */
export class Decider {
  /** The store, if it is one in this process that decides without making verdicts which nobody asks for. */
  readonly #deciding: DecidingStore | undefined

  /**
   * @param resources what the rules count
   * @param waiting whom it tells of slots that are free again; undefined where no rule lets requests wait
   * @param events undefined where nobody listens
   */
  constructor(
    private readonly store: Store,
    private readonly renewal: Renewal,
    private readonly resources: readonly Resource[],
    private readonly waiting: Pick<SlotQueues, 'freed'> | undefined,
    private readonly events: Pick<EventSource<never>, 'watched' | 'permit'> | undefined,
  ) {
    this.#deciding = isDeciding(store) ? store : undefined
  }

  /** Takes all of them or none. */
  take(charges: readonly RuleCharge[]): MaybePromise<Decision> {
    if (this.#deciding === undefined || charges.length === 0) return this.#ask(charges)
    const outcome = this.#deciding.decide(charges)
    return outcome.admitted ? this.#admission(charges, outcome) : this.answer(charges, outcome.verdicts())
  }

  /** Takes all of them or none, as one step of a request that is decided on in two. Tells no listener of the permit. */
  takeStep(charges: readonly RuleCharge[]): MaybePromise<Step> {
    return andThen(this.#verdictsOf(charges), (verdicts) => {
      const forecast = forecastOf(charges, verdicts)
      const decision = forecast.allowed
        ? { ...forecast, permit: this.#permitOf(charges, verdicts, undefined) }
        : forecast
      return { charges, verdicts, decision }
    })
  }

  peek(charges: readonly RuleCharge[]): MaybePromise<Forecast> {
    const verdicts = charges.length === 0 ? [] : this.store.peek(charges)
    return andThen(verdicts, (known) => forecastOf(charges, known))
  }

  /** What verdicts on a take come to. */
  answer(charges: readonly RuleCharge[], verdicts: readonly StoreVerdict[]): Decision {
    if (admits(charges, verdicts))
      return this.#admission(charges, { admitted: true, verdicts: () => [...verdicts] })
    const forecast = forecastOf(charges, verdicts)
    return forecast.allowed ? { ...forecast, permit: this.makePermit(charges, verdicts) } : forecast
  }

  readonly makePermit: PermitMaker = (charges, verdicts) => this.#permitOf(charges, verdicts, this.events)

  #permitOf(
    charges: readonly RuleCharge[],
    verdicts: readonly StoreVerdict[],
    events: Pick<EventSource<never>, 'permit'> | undefined,
  ): Permit {
    const taken = charges.flatMap((charge, index) => {
      const { rule } = charge
      const verdict = verdicts[index] as StoreVerdict
      return verdict.allowed ? [{ rule: rule.name, resource: rule.resource, charge, verdict }] : []
    })
    const { waiting } = this
    const listeners: PermitListener[] = []
    if (waiting !== undefined) {
      const since = systemClock.now()
      listeners.push({
        released: (slots) => {
          const heldMs = systemClock.now() - since
          for (const { charge } of slots) waiting.freed(charge.scope, charge.key, heldMs)
        },
      })
    }
    if (events !== undefined) listeners.push(events.permit(taken))
    return new Permit(this.store, this.renewal, taken, this.resources, listeners)
  }

  #ask(charges: readonly RuleCharge[]): MaybePromise<Decision> {
    return andThen(this.#verdictsOf(charges), (verdicts) => this.answer(charges, verdicts))
  }

  #verdictsOf(charges: readonly RuleCharge[]): MaybePromise<StoreVerdict[]> {
    // A request for which nothing is counted needs no store, and passes while it is away.
    if (charges.length === 0) return []
    const ask = () => this.store.take(charges)
    return this.events === undefined ? ask() : this.events.watched(ask)
  }

  #admission(charges: readonly RuleCharge[], outcome: Outcome): Decision {
    const admission = new Admission(charges, outcome, this.makePermit)
    // Whoever listens is told for how long slots were held: from now on.
    if (this.events !== undefined && charges.some(holdsSlot)) admission.permit
    return admission
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
  const answer = { quotas, ...(degraded && { degraded }) }
  return refusal === undefined ? { allowed: true, ...answer } : { allowed: false, refusal, ...answer }
}
