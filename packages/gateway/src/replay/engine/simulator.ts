import { type Decision, ForbiddenError, type Limiter, RequestError } from 'sluice'
import { holdsSlots } from '../../policy/policies.js'
import type { PolicyMatch } from '../../policy/policies.js'
import type { WeighedRequest } from '../../policy/policy-request.js'
import type { TraceRequest } from '../trace/trace-request.js'
import type { CompletionHandler, Outcome, ReplayObserver } from './replay-events.js'
import type { FindRoute } from './replay-routing.js'
import { ReplayedRequest } from './replayed-request.js'
import type { RunningRequests } from './running-requests.js'

/** A request that has come in. */
interface Arrival {
  readonly recorded: TraceRequest
  readonly number: number
  /** Undefined where no route takes it. */
  readonly match: PolicyMatch | undefined
  readonly cameAt: number
}

/** Requests that a rule left to the others, since the trace lacks what it weighs them by. */
export interface Unweighed {
  readonly route: string
  readonly rule: string
  readonly why: string
  readonly requests: number
}

/** Decides on requests as they come in, and tells what came of each. */
export class Simulator {
  /** Requests that wait for a slot. */
  #waiting = 0
  #number = 0
  #passedOver = 0
  readonly #unweighed = new Map<string, Unweighed & { requests: number }>()
  /** What went wrong while a request waited. */
  #failure: { readonly error: unknown } | undefined

  /**
   * @param withSlots routes that have a rule of what is in flight
   * @param now the replay's time, in milliseconds
   */
  constructor(
    private readonly find: FindRoute,
    private readonly running: RunningRequests,
    private readonly observer: ReplayObserver,
    private readonly withSlots: ReadonlySet<string | undefined>,
    private readonly now: () => number,
  ) {}

  /** Requests that were passed over, since they take another route than the one that was asked for. */
  get passedOver(): number {
    return this.#passedOver
  }

  /** What rules could not weigh, for want of what was not recorded. */
  get unweighed(): readonly Unweighed[] {
    return [...this.#unweighed.values()]
  }

  /** Whether requests wait for a slot. */
  get isWaiting(): boolean {
    return this.#waiting > 0
  }

  /** Resolves once every promise that can be kept now has been. Rejects with what went wrong while a request waited. */
  async settled(): Promise<void> {
    if (this.#waiting > 0) await new Promise((resolve) => setImmediate(resolve))
    if (this.#failure !== undefined) throw this.#failure.error
  }

  arrive(recorded: TraceRequest): void {
    const routed = this.find(recorded)
    if (routed === undefined) {
      this.#passedOver++
      return
    }
    const number = this.#number++
    const { match, path, fault } = routed
    const arrival = { recorded, number, match, cameAt: this.now() }
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
    const request = new ReplayedRequest(recorded, name, path, search, params, llm)
    try {
      decision = limiter.admit(request)
    } catch (error) {
      this.#failed(arrival, error)
      return
    }
    if (request.unweighed.size > 0 && this.#leftOut(arrival, name, limiter, request.unweighed)) return
    if (decision instanceof Promise) this.#wait(arrival, decision)
    else this.#decided(arrival, decision)
  }

  /** @returns whether no rule at all could weigh the request: then it cannot be played, and took nothing */
  #leftOut(
    arrival: Arrival,
    route: string,
    { rules }: Limiter<WeighedRequest>,
    unweighed: ReadonlyMap<number, string>,
  ): boolean {
    if (rules.every(({ index }) => unweighed.has(index))) {
      const [why = ''] = unweighed.values()
      this.#tell(arrival, { kind: 'invalid', why }, false)
      return true
    }
    for (const [index, why] of unweighed) {
      const rule = rules.find((each) => each.index === index)?.name ?? ''
      const id = JSON.stringify([route, rule, why])
      const known = this.#unweighed.get(id) ?? { route, rule, why, requests: 0 }
      known.requests++
      this.#unweighed.set(id, known)
    }
    return false
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
      llm !== undefined || (this.withSlots.has(arrival.match?.policy.name) && holdsSlots(decision))
    const aftermath = this.#tell(arrival, { kind: 'allowed', decision }, goesOn)
    if (goesOn) this.running.begin(arrival.recorded, decision.permit, llm, aftermath)
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
  ): CompletionHandler | undefined {
    const decidedAt = this.now()
    return this.observer.decided({
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
