import { memoryStore } from 'sluice'
import { type GatewayConfig, type PolicyConfig, policiesOf } from '../../policy/config/config.js'
import { createPolicies } from '../../policy/policies.js'
import type { TraceRequest } from '../trace/trace-request.js'
import type { DurationModel } from './duration-model.js'
import { withRecordedCosts } from './recorded-costs.js'
import type { ReplayObserver } from './replay-events.js'
import { routeFinder } from './replay-routing.js'
import { type Unready, warmUpsOn } from './replay-warm-ups.js'
import { RunningRequests } from './running-requests.js'
import { Simulator, type Unweighed } from './simulator.js'
import { VirtualTime } from './virtual-time.js'

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
  readonly #deciding: Simulator

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
    const admission = createPolicies(played, { store, warmUps, timers: time })
    this.#time = time
    this.#deciding = new Simulator(
      routeFinder(played, admission, options.route),
      new RunningRequests(time, options.duration),
      observer,
      new Set(policiesOf(config).flatMap((policy) => (countsInFlight(policy) ? policy.name : []))),
      time.now,
    )
  }

  /** Requests that were passed over, since they take another route than the one that was asked for. */
  get passedOver(): number {
    return this.#deciding.passedOver
  }

  /** What rules could not weigh, for want of what was not recorded. */
  get unweighed(): readonly Unweighed[] {
    return this.#deciding.unweighed
  }

  /** The replay's time, in milliseconds. */
  get now(): number {
    return this.#time.now()
  }

  /** Lets a request come in, and before it all that happens until then. Requests come in the order of time. */
  play(request: TraceRequest): void | Promise<void> {
    // Where nobody waits for a slot, everything happens at once and there is nothing to await.
    while (!this.#deciding.isWaiting && this.#time.hasUntil(request.at)) this.#time.step()
    if (this.#deciding.isWaiting) return this.#playInTurns(request)
    this.#time.moveTo(request.at)
    this.#deciding.arrive(request)
  }

  /** Lets all that is still under way come to its end. */
  async finish(): Promise<void> {
    await this.#deciding.settled()
    while (this.#time.next !== undefined) {
      // Nobody comes any more who could take the slots that are held: who runs for a year renews them three million times.
      if (!this.#deciding.isWaiting) this.#time.endBackground()
      this.#time.step()
      await this.#deciding.settled()
    }
  }

  /** While requests wait, whoever gets a slot must have it before time goes on. */
  async #playInTurns(request: TraceRequest): Promise<void> {
    await this.#deciding.settled()
    while (this.#time.hasUntil(request.at)) {
      this.#time.step()
      await this.#deciding.settled()
    }
    this.#time.moveTo(request.at)
    this.#deciding.arrive(request)
    await this.#deciding.settled()
  }
}

function countsInFlight({ rules }: PolicyConfig): boolean {
  return rules.some((rule) => 'concurrent' in rule)
}
