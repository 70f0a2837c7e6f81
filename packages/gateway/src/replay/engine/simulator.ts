import { type Decision, ForbiddenError, type Limiter, RequestError } from 'sluice'
import type { OutputPredictor } from '../../policy/llm/prediction/output-predictor.js'
import type { PolicyMatch } from '../../policy/policies.js'
import { holdsSlots } from '../../policy/policy-limiter.js'
import type { WeighedRequest } from '../../policy/policy-request.js'
import type { TraceRequest } from '../trace/trace-request.js'
import type { CompletionHandler, Outcome, ReplayObserver } from './replay-events.js'
import type { FindRoute } from './replay-routing.js'
import { ReplayedRequest } from './replayed-request.js'
import { ClientLeftError, type ReplayedServer, type ServerCall } from './replayed-server.js'
import type { RunningRequests } from './running-requests.js'

/** A request that has arrived. */
interface Arrival {
  readonly recorded: TraceRequest
  readonly number: number
  /** Undefined if no route matches. */
  readonly match: PolicyMatch | undefined
  readonly cameAt: number
  /** Undefined without a server, and if it cannot serve the request. */
  call?: ServerCall | undefined
  /** Undefined until limits decide on the request. */
  request?: ReplayedRequest
}

/** A rule that was skipped for some requests because the trace lacks their cost or key. */
export interface SkippedRule {
  readonly route: string
  readonly rule: string
  readonly why: string
  readonly requests: number
}

/** Decides arriving requests and reports the outcomes to an observer. */
export class Simulator {
  /** The number of requests waiting for a limit. */
  #waiting = 0
  #number = 0
  #passedOver = 0
  readonly #skippedRules = new Map<string, SkippedRule & { requests: number }>()
  /** The error of a request that was waiting for a limit. */
  #failure: { readonly error: unknown } | undefined

  /**
   * @param slotRoutes names of the routes with a concurrency rule
   * @param now the time of the replay, in milliseconds
   */
  constructor(
    private readonly find: FindRoute,
    private readonly running: RunningRequests,
    private readonly observer: ReplayObserver,
    private readonly slotRoutes: ReadonlySet<string | undefined>,
    private readonly now: () => number,
    /** Returns the virtual time in milliseconds since the epoch. */
    private readonly wallTime: () => number,
    private readonly predictor: OutputPredictor,
    private readonly server?: ReplayedServer,
  ) {}

  /** The number of requests skipped because they belong to a route that is not selected. */
  get passedOver(): number {
    return this.#passedOver
  }

  /** Rules that were skipped for some requests because the trace lacks a cost or key. */
  get skippedRules(): readonly SkippedRule[] {
    return [...this.#skippedRules.values()]
  }

  /** Reports whether requests wait for a limit. */
  get isWaiting(): boolean {
    return this.#waiting > 0
  }

  /**
   * Resolves once all pending promise callbacks have run. Rejects with an error of a waiting
   * request.
   */
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
    const arrival: Arrival = { recorded, number, match, cameAt: this.now() }
    if (fault !== undefined) this.#report(arrival, { kind: 'invalid', why: fault }, false)
    else if (match === undefined) this.#report(arrival, { kind: 'unrouted' }, false)
    else {
      arrival.call = this.server?.arrived(recorded)
      if (match.policy.limiter !== undefined) this.#decide(arrival, match, match.policy.limiter, path)
      else {
        this.#report(arrival, { kind: 'unlimited' }, false)
        if (arrival.call !== undefined) this.server?.send(arrival.call)
      }
    }
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
    const time = this.wallTime()
    const request = new ReplayedRequest(recorded, name, path, search, params, time, llm, this.predictor)
    arrival.request = request
    try {
      decision = limiter.admit(request, ...admitOptionsOf(arrival.call))
    } catch (error) {
      this.#onError(arrival, error)
      return
    }
    if (
      request.skippedRules.size > 0 &&
      this.#recordSkippedRules(arrival, name, limiter, request.skippedRules)
    ) {
      this.#leaveOut(arrival)
      return
    }
    if (decision instanceof Promise) this.#wait(arrival, decision)
    else this.#decided(arrival, decision)
  }

  /**
   * Records the skipped rules. Returns true if all rules were skipped; the request is then invalid.
   */
  #recordSkippedRules(
    arrival: Arrival,
    route: string,
    { rules }: Limiter<WeighedRequest>,
    skippedRules: ReadonlyMap<number, string>,
  ): boolean {
    if (rules.every(({ index }) => skippedRules.has(index))) {
      const [why = ''] = skippedRules.values()
      this.#report(arrival, { kind: 'invalid', why }, false)
      return true
    }
    for (const [index, why] of skippedRules) {
      const rule = rules.find((each) => each.index === index)?.name ?? ''
      const id = JSON.stringify([route, rule, why])
      const known = this.#skippedRules.get(id) ?? { route, rule, why, requests: 0 }
      known.requests++
      this.#skippedRules.set(id, known)
    }
    return false
  }

  #wait(arrival: Arrival, decision: Promise<Decision>): void {
    this.#waiting++
    decision
      .then(
        (decided) => this.#decided(arrival, decided),
        (error) => this.#onError(arrival, error),
      )
      .catch((error) => {
        this.#failure = { error }
      })
      .finally(() => this.#waiting--)
  }

  #decided(arrival: Arrival, decision: Decision): void {
    const { call } = arrival
    if (!decision.allowed) {
      this.#report(arrival, { kind: 'refused', decision }, false)
      this.#leaveOut(arrival)
      return
    }
    const llm = arrival.match?.policy.llm
    // A request without slots or tokens has nothing to release or settle at its end.
    const isOpen =
      llm !== undefined || (this.slotRoutes.has(arrival.match?.policy.name) && holdsSlots(decision))
    const onCompletion = this.#report(arrival, { kind: 'allowed', decision }, isOpen)
    if (isOpen) {
      const predicted = arrival.request?.predictedCall
      this.running.begin(arrival.recorded, decision, llm, onCompletion, { predicted, call })
    } else if (call !== undefined) this.server?.send(call)
  }

  #onError(arrival: Arrival, error: unknown): void {
    this.#leaveOut(arrival)
    if (error instanceof ClientLeftError) {
      this.#report(arrival, { kind: 'abandoned' }, false)
      return
    }
    if (!(error instanceof RequestError)) throw error
    const kind = error instanceof ForbiddenError ? 'forbidden' : 'invalid'
    this.#report(arrival, { kind, why: error.message }, false)
  }

  #leaveOut({ call }: Arrival): void {
    if (call !== undefined) this.server?.leftOut(call)
  }

  #report(
    { recorded, number, match, cameAt, request }: Arrival,
    outcome: Outcome,
    isOpen: boolean,
  ): CompletionHandler | undefined {
    const decidedAt = this.now()
    if (!isOpen) request?.predictedCall?.prediction.end()
    return this.observer.decided({
      recorded,
      number,
      route: match?.policy.name,
      outcome,
      cameAt,
      decidedAt,
      goesOn: isOpen,
    })
  }
}

function admitOptionsOf(call: ServerCall | undefined): [] | [{ readonly signal: AbortSignal }] {
  return call?.signal === undefined ? [] : [{ signal: call.signal }]
}
