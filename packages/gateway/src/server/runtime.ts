import { isDeepStrictEqual } from 'node:util'
import type { LimiterEvent, MaybePromise, Store } from 'sluice'
import { clientAddressReader } from 'sluice/http'
import { fittingActs, overridesOf, type UnfitAct } from '../policy/act-overrides.js'
import { AccessList } from '../policy/acts/access-list.js'
import { type Act, describeChange } from '../policy/acts/act.js'
import type { ClientLimit } from '../policy/client-limits.js'
import { type GatewayConfig, type KeysSource, policiesOf, type TlsFiles } from '../policy/config/config.js'
import { isObserved } from '../policy/config/restart-needed.js'
import { DEFAULT_UPSTREAM } from '../policy/config/sections/upstreams-section.js'
import { type ServerLimits, serverLimits } from '../policy/config/server-limits.js'
import { OutputPredictor } from '../policy/llm/prediction/output-predictor.js'
import { ResponseMemory } from '../policy/llm/response/response-memory.js'
import { createPolicies, type Policies } from '../policy/policies.js'
import type { Overrides } from '../policy/policy-limiter.js'
import type { RequestSender } from '../policy/policy-request.js'
import { WarmUps } from '../policy/warm-ups.js'
import { BodyMemory } from './http/body-memory.js'
import { UpstreamGrants } from './http/cross-origin.js'
import { type TlsMaterial, type TlsWatch, watchTls } from './http/tls-files.js'
import { createGatewayName } from './http/via.js'
import { type ClientReader, openClientReader } from './identity/client-reader.js'
import { type KeysFile, type KeysWatch, watchKeysFile } from './identity/keys/keys-file-watch.js'
import { watchStoredKeys } from './identity/keys/stored-keys.js'
import type { Log } from './logging/log.js'
import type { AccessLog } from './observability/access-log.js'
import type { Observer } from './observability/observer.js'
import type { Recorder } from './observability/recording/recorder.js'
import type { Telemetry } from './observability/telemetry/request-telemetry.js'
import type { UpstreamLoad } from './observability/upstream-load.js'
import { RefCount } from './proxy/ref-count.js'
import type { RequestServices } from './proxy/request-context.js'
import type { SpendSink } from './spend/spend-recorder.js'
import { HealthChecks } from './upstreams/health-checks.js'
import type { Upstream } from './upstreams/upstream.js'
import { UpstreamSet, type UpstreamSetOptions } from './upstreams/upstream-set.js'
import { type TlsPurpose, UpstreamTlsFiles } from './upstreams/upstream-tls.js'

export interface RuntimeOptions {
  /** The gateway's own name in the `Via` header. Default: a new random name. */
  readonly gatewayName?: string
  readonly store: Store
  readonly observer: Observer
  readonly log: Log
  /** Returns this process's share of the gateway's limits. Default: the full limits. */
  readonly share?: (limits: ServerLimits) => ServerLimits
  /** Receives what requests spend. */
  readonly spend?: SpendSink | undefined
  /** Undefined unless traffic is recorded. */
  readonly recorder?: Recorder | undefined
  /** Undefined unless traces or metrics are exported. */
  readonly telemetry?: Telemetry | undefined
  /** Undefined unless requests are logged. */
  readonly accessLog?: AccessLog | undefined
  /** True if this process does not forward requests, so that it does not check upstreams either. */
  readonly isIdle?: boolean
  /** True if this process is a worker, whose primary logs the same events. */
  readonly isWorker?: boolean
  /** Opens a keys file. Default: `watchKeysFile`. */
  readonly openKeysFile?: (file: string) => MaybePromise<KeysWatch>
  /** Called with the digest of the key of each request that has one. */
  readonly onKeyUsed?: (digest: string) => void
  /** Opens TLS files. Default: `watchTls`. */
  readonly openTls?: (purpose: TlsPurpose, files: TlsFiles, onReload: () => void) => MaybePromise<TlsWatch>
  /** Called after TLS files are reloaded. */
  readonly onTlsChanged?: () => void
  /** Called after the keys file is reloaded. */
  readonly onKeysChanged?: () => void
  /** Called whenever a configuration or an override takes effect, including the first. */
  readonly onChange?: (runtime: Runtime) => void
}

/** The configuration in effect, the acts of operators, and the services that requests use under it. */
export class Runtime {
  readonly warmUps: WarmUps
  /** The gateway's own name in the `Via` header. */
  readonly gatewayName: string
  readonly bodies = new BodyMemory(0)
  readonly #responseMemory = new ResponseMemory(0)
  /** Outlives reloads, so that what was learned is kept. */
  readonly #predictor = new OutputPredictor(() => performance.now())
  readonly #corsGrants = new UpstreamGrants()
  readonly #options: RuntimeOptions
  #config: GatewayConfig
  #acts: readonly Act[]
  #unfit: readonly UnfitAct[] = []
  /** The overrides of the acts that fit the configuration. */
  #overrides: Overrides = new Map()
  #services: RequestServices
  /** The limits of clients that their keys bring. */
  #clientLimits: readonly ClientLimit[]
  #tls: TlsWatches
  #upstreams: UpstreamSet
  #healthChecks: HealthChecks | undefined
  #isStopping = false
  /** Connections of earlier configurations that requests may still use. */
  readonly #retired = new Set<Upstream>()
  /** Resolves once the requests of all earlier configurations have ended. */
  #drained: Promise<unknown> = Promise.resolve()

  private constructor(
    config: GatewayConfig,
    acts: readonly Act[],
    { tls, upstreams, clients }: OpenedServices,
    options: RuntimeOptions,
  ) {
    this.#options = options
    this.#tls = tls
    this.warmUps = new WarmUps(options.isWorker ? undefined : options.log)
    this.gatewayName = options.gatewayName ?? createGatewayName()
    this.#config = config
    this.#acts = acts
    this.#clientLimits = clients.limitsFor(config)
    this.#setMemoryLimits()
    this.#upstreams = upstreams
    this.#startHealthChecks()
    this.#services = this.#createServices(config, { ...upstreamServices(config, upstreams), clients })
    options.onChange?.(this)
  }

  /**
   * Opens the services for a configuration.
   *
   * @param acts the acts that are already in effect
   * @throws Error if the upstream or the keys file of the configuration cannot be used
   */
  static async open(config: GatewayConfig, options: RuntimeOptions, acts: readonly Act[] = []) {
    let runtime: Runtime | undefined
    const opened = new OpenedWatches()
    try {
      const listen = await openTls('listen', config.listen.tls, options, () => options.onTlsChanged?.())
      opened.add(listen)
      const tls = { listen, upstreams: await openUpstreamTls(config, options, () => runtime) }
      opened.add({ stop: () => tls.upstreams.stopExcept(undefined) })
      const upstreams = new UpstreamSet(config, upstreamOptions(config, options, tls.upstreams))
      const clients = await openClients(config, options, () => runtime)
      opened.add(clients)
      runtime = new Runtime(config, acts, { tls, upstreams, clients }, options)
      return runtime
    } catch (error) {
      opened.stop()
      throw error
    }
  }

  get config(): GatewayConfig {
    return this.#config
  }

  /** The limits of this process. */
  get limits(): ServerLimits {
    const { share = (limits) => limits } = this.#options
    return share(serverLimits(this.#config))
  }

  get acts(): readonly Act[] {
    return this.#acts
  }

  /** The acts that do not fit the configuration. */
  get unfitActs(): readonly UnfitAct[] {
    return this.#unfit
  }

  /** The services for a request that arrives now. */
  get services(): RequestServices {
    return this.#services
  }

  /** The state of the upstreams that routes choose; empty if they choose none. */
  get upstreams(): readonly UpstreamLoad[] {
    return this.#services.upstreams?.load ?? []
  }

  /** The contents of the TLS files in use. */
  get tls(): Readonly<Partial<Record<TlsPurpose, TlsMaterial | undefined>>> {
    return { listen: this.#tls.listen?.material, ...this.#tls.upstreams.materials }
  }

  /** The contents of the keys file in use; undefined without one. */
  get keysFile(): KeysFile | undefined {
    return this.#services.clients.keysFile
  }

  /**
   * Applies a new configuration. Calls must not overlap.
   *
   * @throws Error if the configuration cannot be used; the previous one then stays in effect
   */
  async reload(next: GatewayConfig): Promise<void> {
    const before = this.#services
    const tlsBefore = this.#tls.upstreams
    const previous = this.#upstreams
    const sameClients = isDeepStrictEqual(next.identity, this.#config.identity)
    const opened = new OpenedWatches()
    const limitsBefore = this.#clientLimits
    let created: UpstreamSet | undefined
    let tls = tlsBefore
    try {
      tls = await openUpstreamTls(next, this.#options, () => this, tlsBefore)
      const clients = sameClients ? before.clients : await openClients(next, this.#options, () => this)
      if (!sameClients) opened.add(clients)
      this.#clientLimits = clients.limitsFor(next)
      created = new UpstreamSet(next, { ...upstreamOptions(next, this.#options, tls), previous })
      this.#services = this.#createServices(next, {
        ...upstreamServices(next, created, this.#usersOf(created)),
        clients,
      })
    } catch (error) {
      opened.stop()
      tls.stopExcept(tlsBefore)
      for (const pool of created?.poolsNotIn(previous) ?? []) void pool.destroy()
      this.#clientLimits = limitsBefore
      throw error
    }
    this.#tls = { ...this.#tls, upstreams: tls }
    this.#useUpstreams(created, before)
    this.#config = next
    this.#setMemoryLimits()
    if (!sameClients) before.clients.stop()
    tlsBefore.stopExcept(tls)
    this.#options.onChange?.(this)
  }

  /** Connects to the upstreams with the current TLS files. Requests in flight keep their connections. */
  refreshUpstreams(): void {
    const before = this.#services
    const options = {
      ...upstreamOptions(this.#config, this.#options, this.#tls.upstreams),
      previous: this.#upstreams,
    }
    const refreshed = new UpstreamSet(this.#config, options)
    const users = this.#usersOf(refreshed)
    this.#services = { ...before, ...upstreamServices(this.#config, refreshed, users) }
    this.#useUpstreams(refreshed, before)
  }

  /** Applies the limits of clients after their keys have changed. */
  refitKeys(): void {
    const limits = this.#services.clients.limitsFor(this.#config)
    if (limits.length === 0 && this.#clientLimits.length === 0) return
    this.#clientLimits = limits
    const bare = this.#fitActs(this.#config)
    this.#services = { ...this.#services, policies: this.#policiesWithActs(this.#config, bare) }
    this.#options.onChange?.(this)
  }

  /** Replaces all acts. Those that do not fit the configuration are logged, and have no effect. */
  setActs(acts: readonly Act[]): void {
    const changesRules = !isDeepStrictEqual(withoutBlocks(acts), withoutBlocks(this.#acts))
    this.#acts = acts
    this.#services = { ...this.#services, access: AccessList.of(this.#config, acts) }
    // Blocks are the most frequent acts, and fitting acts to the rules creates limiters.
    if (changesRules) {
      const before = this.#overrides
      const bare = this.#fitActs(this.#config)
      if (!isDeepStrictEqual(this.#overrides, before))
        this.#services = { ...this.#services, policies: this.#policiesWithActs(this.#config, bare) }
    }
    this.#options.onChange?.(this)
  }

  /**
   * Checks whether an act fits the configuration.
   *
   * @throws OptionError if a rule rejects it
   */
  checkAct(act: Act): void {
    const { routes } = this.#services.policies
    this.#createPolicies(this.#config, overridesOf([act], routes))
  }

  /** Ends the checks of upstreams, before the gateway stops. */
  stopHealthChecks(): void {
    this.#isStopping = true
    this.#healthChecks?.stop()
  }

  #startHealthChecks(): void {
    this.#healthChecks?.stop()
    if (!this.#isStopping && !this.#options.isIdle)
      this.#healthChecks = new HealthChecks(this.#upstreams.groups.values())
  }

  /** Closes the connections to the upstreams. Requests in flight are aborted. */
  async close(): Promise<void> {
    this.stopHealthChecks()
    this.#services.clients.stop()
    this.#tls.listen?.stop()
    this.#tls.upstreams.stopExcept(undefined)
    this.warmUps.stop()
    await Promise.all(
      [...this.#upstreams.poolsNotIn(undefined), ...this.#retired].map((pool) => pool.destroy()),
    )
  }

  #setMemoryLimits(): void {
    this.bodies.setLimit(this.limits.maxBodyMemory)
    this.#responseMemory.setLimit(this.limits.maxBodyMemory)
  }

  /** Returns the counter of requests: a new one if requests could use other connections. */
  #usersOf(next: UpstreamSet): RefCount {
    return this.#upstreams.poolsNotIn(next).length === 0 ? this.#services.upstreamUsers : new RefCount()
  }

  /**
   * Replaces the upstreams. Closes the connections that are no longer configured once every request
   * that could use them has ended, including queued requests and those of earlier configurations.
   */
  #useUpstreams(next: UpstreamSet, { upstreamUsers }: RequestServices): void {
    const removed = this.#upstreams.poolsNotIn(next)
    this.#upstreams = next
    this.#startHealthChecks()
    if (removed.length === 0) return
    for (const pool of removed) this.#retired.add(pool)
    const ended = new Promise<void>((resolve) => upstreamUsers.retire(resolve))
    this.#drained = Promise.all([this.#drained, ended])
    this.#drained.then(() => removed.forEach((pool) => void this.#close(pool)))
  }

  async #close(pool: Upstream): Promise<void> {
    try {
      await pool.close()
    } catch (error) {
      this.#options.log.crashed(error)
    } finally {
      this.#retired.delete(pool)
    }
  }

  #createServices(
    config: GatewayConfig,
    reused: Pick<RequestServices, 'upstream' | 'upstreams' | 'upstreamUsers' | 'clients'>,
  ): RequestServices {
    const { observer, spend, recorder, telemetry, accessLog } = this.#options
    this.warmUps.update(policiesOf(config).flatMap(({ warmUp }) => warmUp ?? []))
    const bare = this.#fitActs(config)
    const { trustedProxies, forwardedHeader, ipv6Subnet } = config.identity
    return {
      gatewayName: this.gatewayName,
      policies: this.#policiesWithActs(config, bare),
      access: AccessList.of(config, this.#acts),
      addresses: clientAddressReader({
        trustedProxies,
        ipv6Subnet,
        ...(forwardedHeader !== undefined && { forwardedHeader }),
      }),
      ...reused,
      bodyMemory: this.bodies,
      responseMemory: this.#responseMemory,
      predictor: this.#predictor,
      bodyStartTimeoutMs: config.timeouts.bodyStart,
      retriesPost: config.retriesPost,
      cors: config.cors === 'off' ? undefined : config.cors,
      corsGrants: this.#corsGrants,
      traffic: observer,
      spend,
      recorder,
      telemetry,
      accessLog,
    }
  }

  /**
   * Finds the acts that fit a configuration.
   *
   * @returns the policies of the configuration without acts
   */
  #fitActs(config: GatewayConfig): Policies {
    const bare = this.#createPolicies(config, new Map())
    const { fitting, unfit } = fittingActs(this.#acts, bare.routes, (overrides) =>
      this.#createPolicies(config, overrides),
    )
    const known = new Map(this.#unfit.map(({ act, reason }) => [act.id, reason]))
    if (!this.#options.isWorker)
      for (const { act, reason } of unfit)
        if (known.get(act.id) !== reason)
          this.#options.log.info({ act: act.id, change: describeChange(act), reason }, 'an act has no effect')
    this.#unfit = unfit
    this.#overrides = overridesOf(fitting, bare.routes)
    return bare
  }

  #policiesWithActs(config: GatewayConfig, bare: Policies): Policies {
    return this.#overrides.size === 0 ? bare : this.#createPolicies(config, this.#overrides)
  }

  #createPolicies(config: GatewayConfig, overrides: Overrides): Policies {
    const { store, observer, telemetry } = this.#options
    return createPolicies(config, {
      store,
      warmUps: this.warmUps,
      overrides,
      clientLimits: this.#clientLimits,
      ...(isObserved(config) && { listener: observer.onLimiterEvent }),
      // Telemetry alone needs no other observer.
      ...(telemetry !== undefined && { listener: listenerOf(observer, telemetry, isObserved(config)) }),
    })
  }
}

function withoutBlocks(acts: readonly Act[]): readonly Act[] {
  return acts.filter(({ act }) => act !== 'block')
}

function listenerOf(observer: Observer, telemetry: Telemetry, isObserved: boolean) {
  if (!isObserved) return telemetry.onLimiterEvent
  return (route: string, event: LimiterEvent<RequestSender>) => {
    observer.onLimiterEvent(route, event)
    telemetry.onLimiterEvent(route, event)
  }
}

interface TlsWatches {
  readonly listen: TlsWatch | undefined
  readonly upstreams: UpstreamTlsFiles
}

interface OpenedServices {
  readonly tls: TlsWatches
  readonly upstreams: UpstreamSet
  readonly clients: ClientReader
}

/** The watches that a configuration opened, which stop if it cannot be used. */
class OpenedWatches {
  readonly #opened: { stop(): void }[] = []

  add(watch: { stop(): void } | undefined): void {
    if (watch !== undefined) this.#opened.push(watch)
  }

  stop(): void {
    for (const watch of this.#opened) watch.stop()
  }
}

/** Returns the services of a request that concern upstreams. */
function upstreamServices(config: GatewayConfig, set: UpstreamSet, users = new RefCount()) {
  const isChosen = policiesOf(config).some(({ upstream }) => typeof upstream === 'function')
  return {
    upstream: set.default.addresses[0]?.pool as Upstream,
    upstreams: config.upstreams !== undefined || isChosen ? set : undefined,
    upstreamUsers: users,
  }
}

function upstreamOptions(
  config: GatewayConfig,
  { store, log, observer }: RuntimeOptions,
  files: UpstreamTlsFiles,
): UpstreamSetOptions {
  return {
    store,
    log,
    listener: isObserved(config) ? observer.onLimiterEvent : undefined,
    materialOf: (name) =>
      files.get(name === DEFAULT_UPSTREAM ? 'upstream' : `upstreams.${name}`)?.watch.material,
  }
}

async function openTls(
  purpose: TlsPurpose,
  files: TlsFiles | undefined,
  { log, openTls = (_, files, onReload) => watchTls(files, log, onReload) }: RuntimeOptions,
  onReload: () => void,
): Promise<TlsWatch | undefined> {
  return files && openTls(purpose, files, onReload)
}

/** @param runtime returns the runtime that uses the files, once it exists */
function openUpstreamTls(
  config: GatewayConfig,
  { log, onTlsChanged, openTls = (_, files, onReload) => watchTls(files, log, onReload) }: RuntimeOptions,
  runtime: () => Runtime | undefined,
  previous?: UpstreamTlsFiles,
): Promise<UpstreamTlsFiles> {
  const onReload = () => {
    runtime()?.refreshUpstreams()
    onTlsChanged?.()
  }
  return UpstreamTlsFiles.open(config, (purpose, files) => openTls(purpose, files, onReload), previous)
}

/** @param runtime returns the runtime that uses the keys, once it exists */
function openClients(
  config: GatewayConfig,
  { log, onKeysChanged, onKeyUsed, openKeysFile, isWorker = false }: RuntimeOptions,
  runtime: () => Runtime | undefined,
): Promise<ClientReader> {
  const { identity, store } = config
  const onReload = () => {
    runtime()?.refitKeys()
    onKeysChanged?.()
  }
  const watch = (file: string) =>
    watchKeysFile(file, log, onReload, (keys) => keys.checkLimits(runtime()?.config ?? config))
  const openKeys = (source: KeysSource) => {
    if (source.kind === 'file') return (openKeysFile ?? watch)(source.file)
    if (store.kind === 'redis')
      return watchStoredKeys(store.url, { log, isWorker, onLimitsChanged: () => runtime()?.refitKeys() })
    throw new TypeError("'api_keys: store' requires a Redis store")
  }
  return openClientReader(identity, openKeys, onKeyUsed)
}
