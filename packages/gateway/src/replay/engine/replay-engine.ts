import { memoryStore } from 'sluice'
import { LocalLines, setLines, type WindowState } from 'sluice/internal'
import { hasWindow } from '../../policy/config/blind-windows.js'
import { type GatewayConfig, type PolicyConfig, policiesOf } from '../../policy/config/config.js'
import { OutputPredictor } from '../../policy/llm/prediction/output-predictor.js'
import { createPolicies } from '../../policy/policies.js'
import type { ServerReport } from '../server/server-report.js'
import type { ServerSetup } from '../server/server-setup.js'
import type { TraceRequest } from '../trace/trace-request.js'
import type { DurationModel } from './duration-model.js'
import { withRecordedCosts } from './recorded-costs.js'
import type { ReplayObserver } from './replay-events.js'
import { routeFinder } from './replay-routing.js'
import { type Unready, warmUpsOn } from './replay-warm-ups.js'
import { ReplayedServer } from './replayed-server.js'
import { RunningRequests } from './running-requests.js'
import { Simulator, type SkippedRule } from './simulator.js'
import { VirtualTime } from './virtual-time.js'

export interface EngineOptions {
  /** The route of requests without a recorded path. */
  readonly route?: string | undefined
  /** Duration of requests that have no recorded duration. Default: 0. */
  readonly duration?: DurationModel | undefined
  /**
   * Periods in which models are not ready, in milliseconds since the first request. Default: none.
   */
  readonly unready?: Unready | undefined
  /** The server that admitted requests are sent to. Default: requests last as long as recorded. */
  readonly server?: ServerSetup | undefined
}

/**
 * Replays recorded requests in virtual time. Limits, memory store, warm-ups and wait queues are the
 * production code; only the clock and the timers are replaced.
 *
 * Simultaneous events run in this order: first ends of requests, lease renewals and wait timeouts,
 * in the order in which they were scheduled; then arrivals, in the order of the trace.
 */
export class Engine {
  readonly #time: VirtualTime
  readonly #simulator: Simulator
  readonly #server: ReplayedServer | undefined

  /**
   * @param start initial time of the replay, in milliseconds
   * @param origin milliseconds since the epoch at time 0 of the replay
   * @throws TraceError if the selected route does not exist
   */
  constructor(
    config: GatewayConfig,
    options: EngineOptions,
    observer: ReplayObserver,
    start: number,
    origin: number,
  ) {
    const replayed = withRecordedCosts(config)
    const time = new VirtualTime(start, origin)
    const maxKeys = config.store.kind === 'memory' ? { maxKeys: config.store.maxKeys } : {}
    const lines = new LocalLines(time)
    const store = memoryStore({ ...maxKeys, clock: time })
    setLines(store, lines)
    const warmUps = warmUpsOn(time, options.unready ?? [])
    const policies = createPolicies(replayed, { store, warmUps, timers: time })
    this.#time = time
    this.#server =
      options.server &&
      new ReplayedServer(time, options.server, {
        reportsOutput: policiesOf(config).some(followsOutput),
        windowNow: policiesOf(config).some(hasWindow) ? () => sum(lines.windows) : undefined,
      })
    this.#simulator = new Simulator(
      routeFinder(replayed, policies, options.route),
      new RunningRequests(time, options.duration, this.#server),
      observer,
      new Set(policiesOf(config).flatMap((policy) => (countsInFlight(policy) ? policy.name : []))),
      time.now,
      time.wallTime,
      new OutputPredictor(time.now),
      this.#server,
    )
  }

  /** Number of requests skipped because they belong to a route that is not selected. */
  get passedOver(): number {
    return this.#simulator.passedOver
  }

  /** Rules that were skipped for some requests because the trace lacks a cost or key. */
  get skippedRules(): readonly SkippedRule[] {
    return this.#simulator.skippedRules
  }

  /**
   * What the server did; undefined without one.
   *
   * @param origin milliseconds since the epoch at time 0 of the replay
   */
  serverReport(origin: number): ServerReport | undefined {
    return this.#server?.report(origin)
  }

  /** The time of the replay, in milliseconds. */
  get now(): number {
    return this.#time.now()
  }

  /**
   * Runs the events before a request, then admits or refuses it. Requests must be in order of time.
   */
  play(request: TraceRequest): void | Promise<void> {
    // If no request waits for a limit, everything is synchronous.
    while (!this.#simulator.isWaiting && this.#time.hasUntil(request.at)) this.#time.step()
    if (this.#simulator.isWaiting) return this.#playWhileWaiting(request)
    this.#time.moveTo(request.at)
    this.#simulator.arrive(request)
  }

  /** Runs the remaining events. */
  async finish(): Promise<void> {
    await this.#simulator.settled()
    while (this.#time.next !== undefined) {
      // No further request competes for the occupied slots, and a request that runs for a year
      // would renew its lease three million times.
      if (!this.#simulator.isWaiting) this.#time.endBackground()
      this.#time.step()
      await this.#simulator.settled()
    }
  }

  /**
   * Replays a request while others wait. A freed slot is granted before time advances.
   */
  async #playWhileWaiting(request: TraceRequest): Promise<void> {
    await this.#simulator.settled()
    while (this.#time.hasUntil(request.at)) {
      this.#time.step()
      await this.#simulator.settled()
    }
    this.#time.moveTo(request.at)
    this.#simulator.arrive(request)
    await this.#simulator.settled()
  }
}

/** Reports whether a limit of a policy, or a reservation, follows the output of running requests. */
function followsOutput(policy: PolicyConfig): boolean {
  const isFair = policy.rules.some((rule) => 'fair' in rule && rule.fair !== undefined)
  return policy.llm?.reserve !== undefined || isFair || hasWindow(policy)
}

/** Returns the requests that all windows together allow to be on their way. */
function sum(windows: readonly WindowState[]): number {
  return windows.reduce((total, { window }) => total + window, 0)
}

function countsInFlight({ rules }: PolicyConfig): boolean {
  return rules.some((rule) => 'concurrent' in rule)
}
