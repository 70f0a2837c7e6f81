import type { LimiterEvent } from 'sluice'
import type { GatewayConfig } from '../../policy/config/config.js'
import { describeConfig } from '../../policy/config/describe-config.js'
import type { Overrides, RoutePolicy } from '../../policy/policies.js'
import type { RequestSender } from '../../policy/policy-request.js'
import type { WarmUps } from '../../policy/warm-ups.js'
import { VERSION } from '../../version.js'
import type { Log } from '../logging/log.js'
import type { StoreOperation } from '../observability/metrics/timed-store.js'
import type { Observer } from '../observability/observer.js'
import type { RequestOutcome } from '../observability/request-outcome.js'
import type { OpenedStore } from '../store/open-store.js'
import { RuleActions } from './actions/rule-actions.js'
import type { Act, Status, StoreStatus } from './api/live-types.js'
import { RuleView } from './live/rule-view.js'
import { LiveFeed } from './live/sse-feed.js'
import { TrafficSampler } from './live/traffic-sampler.js'

export interface LiveStateOptions {
  readonly opened: OpenedStore
  readonly warmUps: Pick<WarmUps, 'ofRoutes'>
  readonly overrides: () => Overrides
  /** As in RuleActionsOptions. */
  readonly override: (overrides: Overrides) => Promise<void>
  readonly log: Pick<Log, 'crashed'>
}

/** What the dashboard shows of a gateway, and what may be done from it. */
export class LiveState implements Omit<Observer, 'onUnreadableResponse'> {
  readonly feed: LiveFeed
  readonly #options: LiveStateOptions
  readonly #seconds = new TrafficSampler()
  readonly #view: RuleView
  readonly #acts: RuleActions
  readonly #started = Date.now()
  #config: GatewayConfig

  constructor(config: GatewayConfig, options: LiveStateOptions) {
    const { opened, warmUps } = options
    this.#config = config
    this.#options = options
    this.#view = new RuleView(opened.store, () => warmUps.ofRoutes(this.#config))
    this.#acts = new RuleActions({ ...options, view: this.#view, store: opened.store })
    this.feed = new LiveFeed({
      sample: () => {
        const { failures, timeouts } = opened.figures()
        return this.#seconds.take(Date.now(), failures + timeouts)
      },
      status: () => this.status(),
      crashed: (error) => options.log.crashed(error),
    })
  }

  /** This is the configuration from now on, and what it comes to. */
  show(config: GatewayConfig, policies: readonly RoutePolicy[]): void {
    this.#config = config
    this.#view.watch(policies)
    this.#seconds.keep(new Set(policies.map(({ route }) => route)))
    this.feed.changed()
  }

  /** Rejects where the store does not answer. */
  async status(): Promise<Status> {
    return {
      at: Date.now(),
      started: this.#started,
      version: VERSION,
      acts: this.#config.admin?.tokenHash === undefined ? 'off' : 'token',
      store: storeStatus(this.#config, this.#options.opened),
      routes: await this.#view.routes(),
      clientsTracked: this.#view.keysSeen,
    }
  }

  talkers() {
    return this.#view.talkers()
  }

  /** As RuleView. */
  client(text: string) {
    return this.#view.client(text)
  }

  /** The configuration in words, without its secrets. */
  config(): string {
    return `${describeConfig(this.#config).join('\n')}\n`
  }

  /** As RuleActions. */
  async perform(act: Act): Promise<string> {
    const done = await this.#acts.do(act)
    this.feed.changed()
    return done
  }

  onRequestEnd(route: string | undefined, outcome: RequestOutcome): void {
    this.#seconds.onRequestEnd(route, outcome)
  }

  onInFlightChange(route: string, change: 1 | -1): void {
    this.#seconds.onInFlightChange(route, change)
  }

  onWaitingChange(route: string, change: 1 | -1): void {
    this.#seconds.onWaitingChange(route, change)
  }

  onUpstreamResponse(route: string, seconds: number): void {
    this.#seconds.onUpstreamResponse(route, seconds)
  }

  onLimiterEvent(route: string, event: LimiterEvent<RequestSender>): void {
    this.#seconds.onLimiterEvent(route, event)
    this.#view.onLimiterEvent(route, event)
  }

  onStoreOperation(_operation: StoreOperation, seconds: number): void {
    this.#seconds.onStoreOperation(seconds)
  }
}

function storeStatus({ store, onStoreFailure }: GatewayConfig, opened: OpenedStore): StoreStatus {
  const { up, memory, breaker } = opened.figures()
  return {
    kind: store.kind,
    state: up ? 'answers' : 'lost',
    ...(store.kind !== 'memory' && { policy: onStoreFailure.policy }),
    ...(breaker !== undefined && { breaker }),
    keys: memory.keys,
    overflowed: memory.overflowed,
  }
}
