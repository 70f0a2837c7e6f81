import {
  createWarmUp,
  type Decision,
  ForbiddenError,
  memoryStore,
  type Permit,
  RequestError,
  type WarmUp,
} from 'sluice'
import type { GatewayConfig, WarmUpConfig } from '../../config/config.js'
import type { LlmOptions } from '../../llm/llm-call.js'
import { amountsOf } from '../../llm/usage.js'
import { createAdmission, type PolicyMatch } from '../../policy/admission.js'
import type { TraceRequest } from '../trace/trace-request.js'
import type { DurationModel } from './duration-model.js'
import type { Aftermath, Outcome, ReplayObserver } from './played.js'
import { withRecordedCosts } from './recorded-costs.js'
import { ReplayedRequest } from './replayed-request.js'
import { type FindRoute, routeFinder } from './routing.js'
import { VirtualTime } from './virtual-time.js'

export interface EngineOptions {
  /** The route that requests take whose path was not recorded. */
  readonly route?: string | undefined
  /** How long requests run whose duration was not recorded; default no time at all. */
  readonly duration?: DurationModel | undefined
  /** When models are not ready, in milliseconds since the first request; default never. */
  readonly unready?: readonly { readonly from: number; readonly to: number }[] | undefined
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
  readonly #duration: DurationModel
  readonly #observer: ReplayObserver
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
    this.#duration = options.duration ?? (() => 0)
    this.#observer = observer
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
    const cameAt = this.#time.now()
    const tell = (outcome: Outcome) =>
      this.#observer.decided({
        recorded,
        number,
        route: match?.policy.name,
        outcome,
        cameAt,
        decidedAt: this.#time.now(),
        goesOn: 'decision' in outcome && outcome.decision.allowed && goesOn(outcome.decision.permit, match),
      })
    if (fault !== undefined) tell({ kind: 'invalid', why: fault })
    else if (match === undefined) tell({ kind: 'unrouted' })
    else if (match.policy.limiter === undefined) tell({ kind: 'unlimited' })
    else this.#decide(recorded, path, match, tell)
  }

  #decide(
    recorded: TraceRequest,
    path: string,
    { policy, params }: PolicyMatch,
    tell: (outcome: Outcome) => Aftermath | undefined,
  ): void {
    const { name, limiter, llm } = policy
    if (limiter === undefined) return
    const { target } = recorded
    const search = target?.includes('?') ? target.slice(target.indexOf('?')) : ''
    const decided = (decision: Decision) => {
      const aftermath = tell({ kind: decision.allowed ? 'allowed' : 'refused', decision })
      if (decision.allowed) this.#run(recorded, decision.permit, llm, aftermath)
    }
    const failed = (error: unknown) => {
      if (!(error instanceof RequestError)) throw error
      tell({ kind: error instanceof ForbiddenError ? 'forbidden' : 'invalid', why: error.message })
    }
    try {
      const request = new ReplayedRequest(recorded, name, path, search, params, llm)
      // As in the gateway: what cannot be read is refused, also where only a shadow rule counts it.
      if (llm !== undefined) void request.call
      const decision = limiter.admit(request)
      if (!(decision instanceof Promise)) {
        decided(decision)
        return
      }
      this.#waiting++
      decision
        .then(decided, failed)
        .catch((error) => {
          this.#failure = { error }
        })
        .finally(() => this.#waiting--)
    } catch (error) {
      failed(error)
    }
  }

  /** From its admission to the end of its answer. */
  #run(
    recorded: TraceRequest,
    permit: Permit,
    llm: LlmOptions | undefined,
    aftermath: Aftermath | undefined,
  ): void {
    permit.keepRenewed()
    const duration = recorded.duration ?? this.#duration(recorded)
    const end = () => {
      // What a call cost is known where its output was recorded; else its reservation stays, as for an answer without usage.
      if (llm !== undefined && recorded.output !== undefined) {
        const { input = 0, output, cached = 0 } = recorded
        const costs = amountsOf(input, output, cached, llm.cachedWeight)
        permit.settle({ ...costs })
        aftermath?.settled(costs)
      }
      permit.release()
      aftermath?.ended()
    }
    if (duration === 0 || (llm === undefined && !permit.holdsSlots)) end()
    else this.#time.start(end, duration)
  }
}

/** Whether there is anything to do when a request that was let in ends. */
function goesOn(permit: Permit, match: PolicyMatch | undefined): boolean {
  return match?.policy.llm !== undefined || permit.holdsSlots
}

/** Warm-ups of models that were ready long before the trace began, but for the times that are given. */
function warmUpsOn(
  time: VirtualTime,
  unready: NonNullable<EngineOptions['unready']>,
): { of(config: WarmUpConfig): Pick<WarmUp, 'scale' | 'until'> } {
  const known = new Map<string, ReturnType<typeof createWarmUp>>()
  return {
    of(config) {
      const { ready: _, ...options } = config
      const id = JSON.stringify(config)
      const before = known.get(id)
      if (before !== undefined) return before
      let begun = false
      const clock = { now: () => (begun ? time.now() : Number.NEGATIVE_INFINITY) }
      const warmUp = createWarmUp({ ...options, ready: true, clock })
      begun = true
      known.set(id, warmUp)
      for (const { from, to } of unready) {
        time.start(() => warmUp.unready(), from)
        time.start(() => warmUp.ready(), to)
      }
      return warmUp
    },
  }
}
