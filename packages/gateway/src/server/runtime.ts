import { isDeepStrictEqual } from 'node:util'
import type { MaybePromise, Store } from 'sluice'
import { clientAddressReader } from 'sluice/http'
import { applicableOverrides } from '../policy/applicable-overrides.js'
import { type GatewayConfig, policiesOf } from '../policy/config/config.js'
import { isObserved } from '../policy/config/restart-needed.js'
import { type ServerLimits, serverLimits } from '../policy/config/server-limits.js'
import { ResponseMemory } from '../policy/llm/response/response-memory.js'
import { type Admission, createPolicies, type Overrides } from '../policy/policies.js'
import { WarmUps } from '../policy/warm-ups.js'
import { BodyMemory } from './http/body-memory.js'
import { createGatewayName } from './http/via.js'
import { type ClientReader, openClientReader } from './identity/client-reader.js'
import { type KeyFileWatch, type KeysText, watchKeyFile } from './identity/key-file-watch.js'
import type { Log } from './logging/log.js'
import type { Observer } from './observability/observer.js'
import type { Recorder } from './observability/recording/recorder.js'
import type { RequestServices } from './proxy/request-services.js'
import { createUpstream, type Upstream } from './proxy/upstream.js'
import { UseCount } from './proxy/use-count.js'

export interface RuntimeOptions {
  /** What the gateway calls itself in `Via`; a new name where there is none. */
  readonly gatewayName?: string
  readonly store: Store
  readonly observer: Observer
  readonly log: Log
  /** The part of the gateway's limits that this process has; default all of it. */
  readonly share?: (limits: ServerLimits) => ServerLimits
  /** Undefined where traffic is not recorded. */
  readonly recorder?: Recorder | undefined
  /** Whether a primary process watches the same things, and logs them. */
  readonly isWorker?: boolean
  /** Opens a file of keys; default: `watchKeyFile`. */
  readonly openKeys?: (file: string) => MaybePromise<KeyFileWatch>
  /** Called when the file of keys has changed. */
  readonly keysChanged?: () => void
  /** Told of what holds from now on, from the first on. */
  readonly changed?: (serving: Runtime) => void
}

/** What requests are handled with, as a configuration and what was changed of it while it runs have it. */
export class Runtime {
  readonly warmUps: WarmUps
  /** What the gateway calls itself in `Via`. */
  readonly gatewayName: string
  readonly bodies = new BodyMemory(0)
  readonly #answers = new ResponseMemory(0)
  readonly #options: RuntimeOptions
  #config: GatewayConfig
  #overrides: Overrides
  #setup: RequestServices
  /** Upstreams of earlier configurations, until their last request has ended. */
  readonly #retired = new Set<Upstream>()

  private constructor(
    config: GatewayConfig,
    overrides: Overrides,
    upstream: Upstream,
    clients: ClientReader,
    options: RuntimeOptions,
  ) {
    this.#options = options
    this.warmUps = new WarmUps(options.isWorker ? undefined : options.log)
    this.gatewayName = options.gatewayName ?? createGatewayName()
    this.#config = config
    this.#overrides = overrides
    this.bodies.setLimit(this.limits.maxBodyMemory)
    this.#answers.setLimit(this.limits.maxBodyMemory)
    this.#setup = this.#setupOf(config, { upstream, upstreamUse: new UseCount(), clients })
    options.changed?.(this)
  }

  /**
   * @param overrides what holds in place of the configuration
   * @throws Error where the configuration names an upstream or a file of keys that cannot be used.
   */
  static async open(config: GatewayConfig, options: RuntimeOptions, overrides: Overrides = new Map()) {
    const upstream = createUpstream(config.upstream, config.timeouts)
    // Last, since it watches a file from then on.
    const clients = await openClients(config, options)
    try {
      return new Runtime(config, overrides, upstream, clients, options)
    } catch (error) {
      clients.stop()
      throw error
    }
  }

  get config(): GatewayConfig {
    return this.#config
  }

  /** What this process holds at most. */
  get limits(): ServerLimits {
    const { share = (limits) => limits } = this.#options
    return share(serverLimits(this.#config))
  }

  get overrides(): Overrides {
    return this.#overrides
  }

  /** What a request that comes now is handled with. */
  get setup(): RequestServices {
    return this.#setup
  }

  /** Rejects with an Error that says what is wrong; nothing has changed then. One call ends before the next begins. */
  async apply(next: GatewayConfig): Promise<void> {
    const before = this.#setup
    const sameUpstream =
      next.upstream === this.#config.upstream && isDeepStrictEqual(next.timeouts, this.#config.timeouts)
    const sameClients = isDeepStrictEqual(next.identity, this.#config.identity)
    const clients = sameClients ? before.clients : await openClients(next, this.#options)
    const { upstream, upstreamUse } = sameUpstream
      ? before
      : { upstream: createUpstream(next.upstream, next.timeouts), upstreamUse: new UseCount() }
    try {
      this.#setup = this.#setupOf(next, { upstream, upstreamUse, clients })
    } catch (error) {
      if (!sameClients) clients.stop()
      if (!sameUpstream) void upstream.destroy()
      throw error
    }
    this.#config = next
    this.bodies.setLimit(this.limits.maxBodyMemory)
    this.#answers.setLimit(this.limits.maxBodyMemory)
    if (!sameClients) before.clients.stop()
    if (!sameUpstream) this.#retire(before)
    this.#options.changed?.(this)
  }

  /** @throws Error where they do not fit the rules; the old ones hold then. */
  override(overrides: Overrides): void {
    const admission = this.#admissionOf(this.#config, overrides)
    this.#overrides = overrides
    this.#setup = { ...this.#setup, admission }
    this.#options.changed?.(this)
  }

  /** The text of the file of keys that is in use; undefined without one. */
  get keysText(): KeysText | undefined {
    return this.#setup.clients.keysText
  }

  /** Lets go of the connections to the upstreams; what runs is cut. */
  async close(): Promise<void> {
    this.#setup.clients.stop()
    this.warmUps.stop()
    await Promise.all([this.#setup.upstream, ...this.#retired].map((upstream) => upstream.destroy()))
  }

  /** Requests that read their bodies, wait in line or wait for the store go to the upstream that they began with. */
  #retire({ upstream, upstreamUse }: RequestServices): void {
    this.#retired.add(upstream)
    upstreamUse.retire(async () => {
      try {
        await upstream.close()
      } catch (error) {
        this.#options.log.crashed(error)
      } finally {
        this.#retired.delete(upstream)
      }
    })
  }

  #setupOf(
    config: GatewayConfig,
    kept: Pick<RequestServices, 'upstream' | 'upstreamUse' | 'clients'>,
  ): RequestServices {
    const { observer, log, recorder } = this.#options
    this.warmUps.keep(policiesOf(config).flatMap(({ warmUp }) => warmUp ?? []))
    this.#overrides = applicableOverrides(this.#overrides, (some) => this.#admissionOf(config, some), log)
    const { trustedProxies, ipv6Subnet } = config.identity
    return {
      gatewayName: this.gatewayName,
      admission: this.#admissionOf(config, this.#overrides),
      addresses: clientAddressReader({ trustedProxies, ipv6Subnet }),
      ...kept,
      bodies: this.bodies,
      answers: this.#answers,
      bodyStart: config.timeouts.bodyStart,
      retriesPost: config.retriesPost,
      traffic: observer,
      recorder,
    }
  }

  #admissionOf(config: GatewayConfig, overrides: Overrides): Admission {
    const { store, observer } = this.#options
    return createPolicies(config, {
      store,
      warmUps: this.warmUps,
      overrides,
      ...(isObserved(config) && { listener: observer.onLimiterEvent }),
    })
  }
}

function openClients(
  { identity }: GatewayConfig,
  { log, keysChanged, openKeys = (file) => watchKeyFile(file, log, keysChanged) }: RuntimeOptions,
): Promise<ClientReader> {
  return openClientReader(identity, openKeys)
}
