import { type Decision, ForbiddenError, type Limiter, memoryStore, RequestError } from 'sluice'
import { type GatewayConfig, type PolicyConfig, policiesOf } from '../../config/config.js'
import { createAdmission, type PolicyMatch } from '../../policy/admission.js'
import type { WeighedRequest } from '../../policy/gateway-request.js'
import { holdsSlots } from '../../policy/holds-slots.js'
import type { TraceRequest } from '../trace/trace-request.js'
import type { DurationModel } from './duration-model.js'
import type { Aftermath, Outcome, ReplayObserver } from './played.js'
import { withRecordedCosts } from './recorded-costs.js'
import { ReplayedRequest } from './replayed-request.js'
import { type FindRoute, routeFinder } from './routing.js'
import { RunningRequests } from './running-requests.js'
import { VirtualTime } from './virtual-time.js'
import { type Unready, warmUpsOn } from './warm-ups.js'

export interface EngineOptions {
  /** The route that requests take whose path was not recorded. */
  readonly route?: string | undefined
  /** How long requests run whose duration was not recorded; default no time at all. */
  readonly duration?: DurationModel | undefined
  /** When models are not ready, in milliseconds since the first request; default never. */
  readonly unready?: Unready | undefined
}

/**
 * Plays recorded requests through the gateway's own admission, on a time of its own: the limits, the memory store, the warm-ups
 * and the waiting lines are those that run in production, and only their clock and timers are not.
 *
 * What happens at the same moment happens in this order: requests end, leases are renewed and waits run out in the order in
 * which they were begun; then what comes in, in the order of the trace.
 */
export class Engine {
  readonly #time: VirtualTime
  readonly #find: FindRoute
  readonly #running: RunningRequests
  readonly #observer: ReplayObserver
  /** Routes that have a rule of what is in flight. */
  readonly #withSlots: ReadonlySet<string | undefined>
  /** Requests that wait for a slot. */
  #waiting = 0
  #number = 0
  #passedOver = 0
  /** What went wrong while a request waited. */
  #failure: { readonly error: unknown } | undefined

  /**
   * @param start of the replay's time, in milliseconds
   * @param origin milliseconds since the epoch at which its time is 0
   * @throws TraceError for a route that there is not.
   */
  constructor(
    config: GatewayConfig,
    options: EngineOptions,
    observer: ReplayObserver,
    start: number,
    origin: number,
  ) {
    const played = withRecordedCosts(config)
    const time = new VirtualTime(start, origin)
    const maxKeys = config.store.kind === 'memory' ? { maxKeys: config.store.maxKeys } : {}
    const store = memoryStore({ ...maxKeys, clock: time })
    const warmUps = warmUpsOn(time, options.unready ?? [])
    const admission = createAdmission(played, { store, warmUps, timers: time })
    this.#time = time
    this.#find = routeFinder(played, admission, options.route)
    this.#running = new RunningRequests(time, options.duration)
    this.#observer = observer
    this.#withSlots = new Set(
      policiesOf(config)
        .filter(countsInFlight)
        .map(({ name }) => name),
    )
  }

  /** Requests that were passed over, since they take another route than the one that was asked for. */
  get passedOver(): number {
    return this.#passedOver
  }

  /** The replay's time, in milliseconds. */
  get now(): number {
    return this.#time.now()
  }

  /** Lets a request come in, and before it all that happens until then. Requests come in the order of time. */
  play(request: TraceRequest): void | Promise<void> {
    // Where nobody waits for a slot, everything happens at once and there is nothing to await.
    while (this.#waiting === 0 && this.#time.hasUntil(request.at)) this.#time.step()
    if (this.#waiting > 0) return this.#playInTurns(request)
    this.#time.moveTo(request.at)
    this.#arrive(request)
  }

  /** Lets all that is still under way come to its end. */
  async finish(): Promise<void> {
    await this.#settled()
    while (this.#time.next !== undefined) {
      // Nobody comes any more who could take the slots that are held: who runs for a year renews them three million times.
      if (this.#waiting === 0) this.#time.endBackground()
      this.#time.step()
      await this.#settled()
    }
  }

  /** While requests wait, whoever gets a slot must have it before time goes on. */
  async #playInTurns(request: TraceRequest): Promise<void> {
    await this.#settled()
    while (this.#time.hasUntil(request.at)) {
      this.#time.step()
      await this.#settled()
    }
    this.#time.moveTo(request.at)
    this.#arrive(request)
    await this.#settled()
  }

  /** Resolves once every promise that can be kept now has been. */
  async #settled(): Promise<void> {
    if (this.#waiting > 0) await new Promise((resolve) => setImmediate(resolve))
    if (this.#failure !== undefined) throw this.#failure.error
  }

  #arrive(recorded: TraceRequest): void {
    const routed = this.#find(recorded)
    if (routed === undefined) {
      this.#passedOver++
      return
    }
    const number = this.#number++
    const { match, path, fault } = routed
    const arrival = { recorded, number, match, cameAt: this.#time.now() }
    if (fault !== undefined) this.#tell(arrival, { kind: 'invalid', why: fault }, false)
    else if (match === undefined) this.#tell(arrival, { kind: 'unrouted' }, false)
    else if (match.policy.limiter === undefined) this.#tell(arrival, { kind: 'unlimited' }, false)
    else this.#decide(arrival, match, match.policy.limiter, path)
  }

  #decide(
    arrival: Arrival,
    { policy, params }: PolicyMatch,
    limiter: Limiter<WeighedRequest>,
    path: string,
  ): void {
    const { recorded } = arrival
    const { target } = recorded
    const { name, llm } = policy
    const search = target?.includes('?') ? target.slice(target.indexOf('?')) : ''
    let decision: Decision | Promise<Decision>
    try {
      const request = new ReplayedRequest(recorded, name, path, search, params, llm)
      // As in the gateway: what cannot be read is refused, also where only a shadow rule counts it.
      if (llm !== undefined) void request.call
      decision = limiter.admit(request)
    } catch (error) {
      this.#failed(arrival, error)
      return
    }
    if (decision instanceof Promise) this.#wait(arrival, decision)
    else this.#decided(arrival, decision)
  }

  #wait(arrival: Arrival, decision: Promise<Decision>): void {
    this.#waiting++
    decision
      .then(
        (made) => this.#decided(arrival, made),
        (error) => this.#failed(arrival, error),
      )
      .catch((error) => {
        this.#failure = { error }
      })
      .finally(() => this.#waiting--)
  }

  #decided(arrival: Arrival, decision: Decision): void {
    if (!decision.allowed) {
      this.#tell(arrival, { kind: 'refused', decision }, false)
      return
    }
    const llm = arrival.match?.policy.llm
    // Without slots to free and tokens to settle, there is nothing to do when it ends.
    const goesOn =
      llm !== undefined || (this.#withSlots.has(arrival.match?.policy.name) && holdsSlots(decision))
    const aftermath = this.#tell(arrival, { kind: 'allowed', decision }, goesOn)
    if (goesOn) this.#running.begin(arrival.recorded, decision.permit, llm, aftermath)
  }

  #failed(arrival: Arrival, error: unknown): void {
    if (!(error instanceof RequestError)) throw error
    const kind = error instanceof ForbiddenError ? 'forbidden' : 'invalid'
    this.#tell(arrival, { kind, why: error.message }, false)
  }

  #tell(
    { recorded, number, match, cameAt }: Arrival,
    outcome: Outcome,
    goesOn: boolean,
  ): Aftermath | undefined {
    const decidedAt = this.#time.now()
    return this.#observer.decided({
      recorded,
      number,
      route: match?.policy.name,
      outcome,
      cameAt,
      decidedAt,
      goesOn,
    })
  }
}

/** A request that has come in. */
interface Arrival {
  readonly recorded: TraceRequest
  readonly number: number
  /** Undefined where no route takes it. */
  readonly match: PolicyMatch | undefined
  readonly cameAt: number
}

function countsInFlight({ rules }: PolicyConfig): boolean {
  return rules.some((rule) => 'concurrent' in rule)
}
