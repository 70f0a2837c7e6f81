import type { LimiterEvent } from 'sluice'
import type { Block } from '../../policy/acts/access-list.js'
import { canAct } from '../../policy/config/act-state.js'
import type { GatewayConfig } from '../../policy/config/config.js'
import { describeConfig } from '../../policy/config/describe-config.js'
import type { Policies } from '../../policy/policies.js'
import type { RequestSender } from '../../policy/policy-request.js'
import type { WarmUps } from '../../policy/warm-ups.js'
import { VERSION } from '../../version.js'
import type { Log } from '../logging/log.js'
import type { StoreOperation } from '../observability/metrics/timed-store.js'
import type { ModelAnswer } from '../observability/model-answer.js'
import type { Observer } from '../observability/observer.js'
import type { RequestOutcome } from '../observability/request-outcome.js'
import type { UpstreamLoad } from '../observability/upstream-load.js'
import type { OpenedStore } from '../store/open-store.js'
import { type ListSources, listActs } from './actions/act-list.js'
import { type ClientTraces, forgetClient } from './actions/forget-client.js'
import { type ActChanges, OperatorActions } from './actions/operator-actions.js'
import type { ActList, AdminAction } from './api/admin-actions.js'
import type { ClientTree } from './api/client-tree.js'
import type { Status, StoreStatus, UpstreamStatus } from './api/gateway-status.js'
import { lookUpClient } from './live/client-lookup.js'
import { clientTree } from './live/client-tree.js'
import { KnownClients } from './live/known-clients.js'
import { RecentRefusals, type RefusalFilter } from './live/recent-refusals.js'
import { RuleView } from './live/rule-view.js'
import { SseFeed } from './live/sse-feed.js'
import { TrafficHistory } from './live/traffic-history.js'
import { TrafficSampler } from './live/traffic-sampler.js'

export interface LiveStateOptions {
  readonly opened: OpenedStore
  readonly warmUps: Pick<WarmUps, 'ofRoutes'>
  readonly acts: ActChanges & Omit<ListSources, 'kept'>
  /** Returns the state of the upstreams that routes choose. */
  readonly upstreams: () => readonly UpstreamLoad[]
  readonly spend: ClientTraces['spend']
  readonly keys: ClientTraces['keys']
  readonly log: Pick<Log, 'crashed'>
}

/** Collects the data of the dashboard, and performs its actions. */
export class LiveState implements Omit<Observer, 'onUnreadableResponse' | 'onStreamExhausted'> {
  readonly feed: SseFeed
  readonly #options: LiveStateOptions
  readonly #history = new TrafficHistory()
  readonly #sampler = new TrafficSampler((minute) => this.#history.add(minute))
  readonly #refusals = new RecentRefusals()
  readonly #known = new KnownClients()
  readonly #view: RuleView
  readonly #actions: OperatorActions
  readonly #traces: ClientTraces
  readonly #started = Date.now()
  #config: GatewayConfig
  #policies: Policies | undefined

  constructor(config: GatewayConfig, options: LiveStateOptions) {
    const { opened, warmUps } = options
    this.#config = config
    this.#options = options
    this.#view = new RuleView(opened.store, () => warmUps.ofRoutes(this.#config))
    this.#actions = new OperatorActions({
      ...{ view: this.#view, known: this.#known, store: opened.store, acts: options.acts },
      deny: () => this.#config.deny,
      forget: (client) => forgetClient(client, this.#traces),
    })
    this.#traces = {
      ...{
        spend: options.spend,
        keys: options.keys,
        store: opened.store,
        isShared: config.store.kind !== 'memory',
      },
      ...{ acts: options.acts, view: this.#view, known: this.#known, refusals: this.#refusals },
      forgetTraffic: (client) => this.#forgetTraffic(client),
    }
    this.feed = new SseFeed({
      sample: () => {
        const { failures, timeouts } = opened.stats()
        return this.#sampler.take(Date.now(), failures + timeouts)
      },
      status: () => this.status(),
      onError: (error) => options.log.crashed(error),
    })
  }

  /** Switches to a new configuration and its policies. */
  setConfig(config: GatewayConfig, policies: Policies): void {
    this.#config = config
    this.#policies = policies
    this.#view.setPolicies(policies.routes)
    this.#sampler.retainRoutes(new Set(policies.routes.map(({ route }) => route)))
    this.feed.sendStatus()
  }

  /** Rejects with a StoreUnavailableError while the store is unavailable. */
  async status(): Promise<Status> {
    return {
      at: Date.now(),
      started: this.#started,
      version: VERSION,
      acts: canAct(this.#config.admin) ? 'token' : 'off',
      store: storeStatus(this.#config, this.#options.opened),
      upstreams: this.#options.upstreams().flatMap(upstreamStatus),
      routes: await this.#view.routes(),
      clientsTracked: this.#view.keysSeen,
    }
  }

  topClients() {
    return this.#view.topClients()
  }

  /**
   * Finds a client by its key, its id or a part of its key. Resolves to undefined if none matches.
   * Rejects with a StoreUnavailableError while the store is unavailable.
   */
  client(search: string) {
    const { current, unfit } = this.#options.acts
    const withoutEffect = new Set(unfit().map(({ act }) => act.id))
    return lookUpClient(search, {
      ...{ view: this.#view, known: this.#known, policies: this.#policies },
      acts: current().filter(({ id }) => !withoutEffect.has(id)),
    })
  }

  /**
   * Returns the organizations, teams and clients that sent requests recently. Rejects with a
   * StoreUnavailableError while the store is unavailable.
   *
   * @param search a part of an ID, a tier or a label; empty for all clients
   */
  async tree(search: string): Promise<ClientTree> {
    if (this.#policies === undefined) return { nodes: [], matching: 0, shown: 0 }
    return clientTree(search, { view: this.#view, known: this.#known, policies: this.#policies })
  }

  /**
   * Returns the traffic of the minutes that start at `from` or later, as a JSON array of samples.
   *
   * @param from epoch milliseconds
   */
  history(from: number): string {
    return this.#history.since(from)
  }

  refusals(filter: RefusalFilter) {
    return this.#refusals.find(filter)
  }

  acts(): ActList {
    const { store, state } = this.#config
    const kept = store.kind === 'redis' ? 'redis' : state === undefined ? 'memory' : 'file'
    return listActs({ ...this.#options.acts, kept })
  }

  /** Describes the running configuration, without secrets. */
  config(): string {
    return `${describeConfig(this.#config).join('\n')}\n`
  }

  /**
   * Performs an action and describes the change.
   *
   * @param by the name of the admin token
   * @throws AdminActionError (as a rejection) if the action cannot be performed
   */
  async perform(action: AdminAction, by: string): Promise<string> {
    const done = await this.#actions.perform(action, by)
    this.feed.sendStatus()
    return done
  }

  #forgetTraffic(client: string): void {
    this.#sampler.forgetClient(client)
    this.#history.forgetClient(client)
    this.feed.forgetClient(client)
  }

  onRequestEnd(route: string | undefined, outcome: RequestOutcome): void {
    this.#sampler.onRequestEnd(route, outcome)
  }

  onBlocked(route: string, request: RequestSender, block: Block): void {
    this.#refusals.onBlocked(route, request, block)
  }

  onInFlightChange(route: string, change: 1 | -1): void {
    this.#sampler.onInFlightChange(route, change)
  }

  onWaitingChange(route: string, change: 1 | -1): void {
    this.#sampler.onWaitingChange(route, change)
  }

  onUpstreamResponse(route: string, seconds: number, status: number): void {
    this.#sampler.onUpstreamResponse(route, seconds, status)
  }

  onModelAnswer(route: string, answer: ModelAnswer): void {
    this.#sampler.onModelAnswer(route, answer)
  }

  onLimiterEvent(route: string, event: LimiterEvent<RequestSender>): void {
    this.#sampler.onLimiterEvent(route, event)
    this.#view.onLimiterEvent(route, event)
    this.#refusals.onLimiterEvent(route, event)
    if ((event.type === 'allowed' || event.type === 'refused') && event.request.client !== undefined)
      this.#known.record(event.request.client)
  }

  onStoreOperation(_operation: StoreOperation, seconds: number): void {
    this.#sampler.onStoreOperation(seconds)
  }
}

function upstreamStatus({ upstream, addresses, pausedMs }: UpstreamLoad): readonly UpstreamStatus[] {
  return addresses.map((address) => ({ upstream, ...address, paused: Math.ceil(pausedMs) }))
}

function storeStatus({ store, onStoreFailure }: GatewayConfig, opened: OpenedStore): StoreStatus {
  const { up, memory, breaker } = opened.stats()
  return {
    kind: store.kind,
    state: up ? 'answers' : 'lost',
    ...(store.kind !== 'memory' && { policy: onStoreFailure.policy }),
    ...(breaker !== undefined && { breaker }),
    keys: memory.keys,
    overflowed: memory.overflowed,
  }
}
