import type { Rule, Timers } from 'sluice'
import { isAutomatic, type LocalLines, withinDeadline } from 'sluice/internal'
import { type GatewayConfig, policiesOf } from '../../policy/config/config.js'
import type { Log } from '../logging/log.js'
import type { Fleet } from './redis-fleet.js'

/** From the end of an exchange to the next one, in milliseconds. */
const PAUSE_MS = 1_000
/** Maximum duration of an exchange, in milliseconds. */
const DEADLINE_MS = 1_000
/** Failures in a row after which this gateway is fair by itself. */
const MAX_FAILURES = 3

export interface FleetLinesOptions {
  readonly lines: Pick<LocalLines, 'joinFleet' | 'fleetReport' | 'onFleetReports'>
  readonly fleet: Fleet
  readonly log: Pick<Log, 'info' | 'warn'>
  readonly timers: Timers
}

/**
 * Makes the lines of this gateway fair together with those of other gateways on the store. While the
 * store is away, each gateway is fair by itself.
 */
export class FleetLines {
  readonly #options: FleetLinesOptions
  #isStarted = false
  #isStopped = false
  #failures = 0
  #gateways = 1
  #next: unknown
  /** True while the store may know this gateway. */
  #isKnown = false

  constructor(options: FleetLinesOptions) {
    this.#options = options
  }

  get isStarted(): boolean {
    return this.#isStarted
  }

  /** True while this gateway is fair by itself, because the store is away. */
  get isDegraded(): boolean {
    return this.#failures >= MAX_FAILURES
  }

  /** The number of gateways, including this one, whose lines are known. */
  get gateways(): number {
    return this.#gateways
  }

  /** Idempotent. */
  start(): void {
    if (this.#isStarted) return
    this.#isStarted = true
    this.#options.lines.joinFleet()
    void this.#exchange()
  }

  async close(): Promise<void> {
    this.#isStopped = true
    this.#options.timers.stop(this.#next)
    const { fleet, timers } = this.#options
    // Others need not wait until the report expires.
    if (this.#isKnown) await withinDeadline(fleet.exchange(undefined), DEADLINE_MS, timers).catch(() => {})
    await fleet.close()
  }

  async #exchange(): Promise<void> {
    const { lines, fleet, timers } = this.#options
    const report = lines.fleetReport()
    try {
      if (report !== undefined || this.#isKnown) {
        this.#isKnown = true
        const reports = await withinDeadline(fleet.exchange(report), DEADLINE_MS, timers)
        this.#isKnown = report !== undefined
        this.#onReports(reports)
      }
    } catch (error) {
      this.#onFailure(error)
    }
    if (!this.#isStopped) this.#next = timers.start(() => void this.#exchange(), PAUSE_MS, true)
  }

  #onReports(reports: Parameters<LocalLines['onFleetReports']>[0]): void {
    if (this.isDegraded) this.#options.log.info({}, 'lines are fair across gateways again')
    this.#failures = 0
    this.#gateways = 1 + reports.size
    this.#options.lines.onFleetReports(reports)
  }

  #onFailure(error: unknown): void {
    if (++this.#failures !== MAX_FAILURES) return
    const reason = error instanceof Error ? error.message : String(error)
    this.#options.log.warn({ reason }, 'the store is away; lines are fair within each gateway only')
    this.#gateways = 1
    this.#options.lines.onFleetReports(new Map())
  }
}

/** Reports whether a limit serves clients in fair shares, or follows a server that other gateways may use. */
export function sharesServers(config: GatewayConfig): boolean {
  const rules: readonly Rule<never>[] = [
    ...policiesOf(config).flatMap((policy) => policy.rules as readonly Rule<never>[]),
    ...Object.values(config.upstreams ?? {}).flatMap(
      (upstream) => (upstream.rules ?? []) as readonly Rule<never>[],
    ),
  ]
  return rules.some(
    (rule) => 'concurrent' in rule && (rule.fair !== undefined || isAutomatic(rule.concurrent)),
  )
}
