import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { formatThreshold, LocalLines, setLines, systemTimers } from 'sluice/internal'
import type { Act } from '../policy/acts/act.js'
import { unfitLimits } from '../policy/client-limits.js'
import { type GatewayConfig, policiesOf } from '../policy/config/config.js'
import { isObserved, restartNeeded, servesMetrics } from '../policy/config/restart-needed.js'
import { ActRegistry } from './acts/act-registry.js'
import { openActStore } from './acts/open-act-store.js'
import type { AdminSources, ProbeSources, Readiness } from './admin/admin-routes.js'
import { type AdminServer, startAdmin, startProbes } from './admin/admin-server.js'
import { LiveState } from './admin/live-state.js'
import { recordStatus } from './admin/replay/record-status.js'
import { replayRecording } from './admin/replay/replay-recording.js'
import type { RouteServer } from './admin/route-server.js'
import { spendEndpoint } from './admin/spend/spend-endpoint.js'
import { closeParts } from './close-parts.js'
import { FleetLines, sharesServers } from './fleet/fleet-lines.js'
import { RedisFleet } from './fleet/redis-fleet.js'
import { type TlsWatch, watchTls } from './http/tls-files.js'
import { KeyService } from './identity/keys/key-service.js'
import type { Log } from './logging/log.js'
import { AccessLog } from './observability/access-log.js'
import { ClientRedaction, createRedactionKey } from './observability/client-redaction.js'
import { GatewayMetrics } from './observability/metrics/gateway-metrics.js'
import { ProcessMonitor, type ProcessStats } from './observability/metrics/process-stats.js'
import { timed } from './observability/metrics/timed-store.js'
import { broadcast, type Observer } from './observability/observer.js'
import { recordErrorLog } from './observability/recording/record-errors.js'
import { Recorder } from './observability/recording/recorder.js'
import { RefusalLog } from './observability/refusal-log.js'
import { responseWarnings } from './observability/response-warnings.js'
import { NO_LOAD } from './observability/server-load.js'
import type { OpenedTelemetry } from './observability/telemetry/request-telemetry.js'
import { openTelemetry, telemetrySettings } from './observability/telemetry/telemetry.js'
import { errorReporter } from './proxy/error-reporter.js'
import { Runtime, type RuntimeOptions } from './runtime.js'
import { openLedger } from './spend/open-ledger.js'
import type { SpendLedger } from './spend/spend-ledger.js'
import { SpendRecorder } from './spend/spend-recorder.js'
import { type OpenedStore, openStore, type StoreHealth } from './store/open-store.js'
import { type StoreStats, summedStats } from './store/store-stats.js'
import { watchServerLoad } from './upstreams/model-server-poll.js'
import { openOutbox } from './webhooks/open-outbox.js'
import { ThresholdNotices } from './webhooks/threshold-notices.js'
import { Webhooks } from './webhooks/webhooks.js'
import { type Frontend, startInProcess } from './workers/frontend.js'
import { startWorkers } from './workers/worker-pool.js'

/** A running gateway. */
export interface Gateway {
  readonly address: AddressInfo
  /** Undefined if there is no admin port. */
  readonly adminAddress: AddressInfo | undefined
  /** The port for probes and metrics without a token; undefined if there is none. */
  readonly probesAddress: AddressInfo | undefined
  /**
   * Applies a new configuration. Requests in flight finish under the configuration they started
   * with, and the usage of clients is kept. Calls must not overlap.
   *
   * @throws Error if the change needs a restart or the configuration cannot be used; the previous
   *   configuration then stays in effect
   */
  apply(config: GatewayConfig): Promise<void>
  /**
   * Stops the gateway in three steps. Idempotent.
   *
   * 1. For `timeouts.drain`, the readiness probe fails, and requests are still accepted. Responses
   *    carry `Connection: close`.
   * 2. The port closes. Requests in flight may finish within `timeouts.shutdown`.
   * 3. The remaining requests are aborted.
   *
   * @param options `drain: false` skips the first step
   */
  close(options?: { readonly drain?: boolean }): Promise<void>
}

/**
 * Starts a gateway. The gateway also starts if the store is unreachable: it logs the error, and the
 * configured failure policy applies.
 *
 * @throws Error if a port cannot be opened or the configured upstream cannot be used
 */
export async function startGateway(config: GatewayConfig, log: Log): Promise<Gateway> {
  // Workers export their own telemetry. The variables are checked before any of them starts.
  telemetrySettings(config)
  const store = await openStore(config, log)
  let program: GatewayProgram | undefined
  try {
    const redactionKey = createRedactionKey()
    const redaction = new ClientRedaction(config.log, redactionKey)
    const telemetry = config.workers === 1 ? await openTelemetry(config, { log, redaction }) : undefined
    const gateway = new GatewayProgram(config, store, { log, redactionKey, redaction, telemetry })
    program = gateway
    const address = await gateway.start(config)
    return {
      address,
      adminAddress: gateway.adminAddress,
      probesAddress: gateway.probesAddress,
      apply: (next) => gateway.apply(next),
      close: (options) => gateway.close(options),
    }
  } catch (error) {
    await (program === undefined ? store.store.close() : program.stop(0))
    throw error
  }
}

/** Maximum time to finish deliveries to webhooks when the gateway stops. */
const WEBHOOK_GRACE_MS = 5000
/** Maximum time to add what the last requests have spent to the ledger when the gateway stops. */
const SPEND_GRACE_MS = 5000
/** Maximum time to close the files and the exports. It exceeds the time that each of them needs. */
const CLOSE_TIMEOUT_MS = 10_000

interface ProgramOptions {
  readonly log: Log
  /** The key of the digests of clients. */
  readonly redactionKey: Uint8Array
  readonly redaction: ClientRedaction
  readonly telemetry: OpenedTelemetry | undefined
}

/** The parts of a gateway, and the order in which they start and stop. */
class GatewayProgram {
  readonly #store: OpenedStore
  /** Requests of all workers wait here, so that they have one order. */
  readonly #lines: LocalLines
  /** Undefined unless the store is shared by gateways that can exchange reports on their lines. */
  readonly #fleet: FleetLines | undefined
  readonly #log: Log
  readonly #metrics = new GatewayMetrics()
  readonly #refusals: RefusalLog
  readonly #redactionKey: Uint8Array
  readonly #redaction: ClientRedaction
  /** Undefined if requests are not logged, or workers log them. */
  readonly #accessLog: AccessLog | undefined
  /** Undefined if no port serves metrics. */
  readonly #processMonitor: ProcessMonitor | undefined
  /** Undefined if nothing is exported, or workers export it. */
  readonly #telemetry: OpenedTelemetry | undefined
  /** Undefined if traffic is not recorded, or workers record it. */
  readonly #recorder: Recorder | undefined
  readonly #liveState: LiveState | undefined
  readonly #thresholds: ThresholdNotices
  readonly #webhooks: Webhooks
  readonly #observer: Observer
  readonly #acts: ActRegistry
  readonly #keys: KeyService
  readonly #ledger: SpendLedger
  readonly #spend: SpendRecorder
  #runtime!: Runtime
  #frontend: Frontend | undefined
  #admin: AdminServer | undefined
  #probes: RouteServer | undefined
  #adminTls: TlsWatch | undefined
  /** True if keys or TLS files were reloaded while workers were starting with the previous ones. */
  #missedChange = false
  #closed: Promise<void> | undefined

  constructor(config: GatewayConfig, store: OpenedStore, options: ProgramOptions) {
    const { log, redactionKey, redaction, telemetry } = options
    this.#telemetry = telemetry
    this.#store = store
    this.#log = log
    this.#lines = new LocalLines(systemTimers, {
      onIdleChange: (areIdle) => this.#frontend?.setLinesIdle(areIdle),
      watchLoad: watchServerLoad(log),
    })
    this.#fleet =
      config.store.kind === 'redis'
        ? new FleetLines({
            ...{ lines: this.#lines, log, timers: systemTimers },
            fleet: new RedisFleet(config.store.url),
          })
        : undefined
    this.#redactionKey = redactionKey
    this.#redaction = redaction
    this.#refusals = new RefusalLog(config.log, { log, redaction })
    if (config.accessLog !== undefined && config.workers === 1)
      this.#accessLog = new AccessLog({ config: config.accessLog, log, redaction })
    this.#keys = new KeyService(log)
    this.#acts = new ActRegistry(openActStore(config), { log, onChange: (acts) => this.#onActsChanged(acts) })
    this.#ledger = openLedger(config, log)
    this.#spend = new SpendRecorder({ ledger: this.#ledger, log })
    if (config.record !== undefined && config.workers === 1)
      this.#recorder = new Recorder(config.record, recordErrorLog(log))
    this.#processMonitor = servesMetrics(config) ? new ProcessMonitor() : undefined
    this.#liveState = config.admin && this.#createLiveState(config)
    this.#webhooks = new Webhooks({
      outbox: openOutbox(config.store),
      log,
      onDelivery: (outcome) => this.#metrics.onWebhook(outcome),
      onDropped: () => this.#metrics.onWebhook('dropped'),
    })
    this.#thresholds = new ThresholdNotices({
      ...{ log, redaction },
      onThreshold: (route, event) =>
        this.#metrics.onThreshold(route, event, formatThreshold(event.threshold)),
      send: (notice) => this.#webhooks.send(notice),
    })
    this.#observer = broadcast([
      ...(servesMetrics(config) ? [this.#metrics] : []),
      ...(this.#liveState === undefined ? [] : [this.#liveState]),
      ...[this.#refusals, this.#thresholds, responseWarnings(log)],
    ])
  }

  get adminAddress(): AddressInfo | undefined {
    return this.#admin?.address
  }

  get probesAddress(): AddressInfo | undefined {
    return this.#probes?.address
  }

  /** Starts the parts in order. If one fails, the caller must `stop` those that were started. */
  async start(config: GatewayConfig): Promise<AddressInfo> {
    await this.#acts.start()
    await this.#ledger.start()
    this.#runtime = await this.#openRuntime(config)
    this.#frontend = await this.#startFrontend(config)
    if (this.#missedChange) await this.#frontend.reload(this.#runtime)
    this.#acts.follow()
    this.#admin = await this.#startAdmin(config)
    if (config.probes !== undefined)
      this.#probes = await startProbes(config.probes, this.#probeSources(), this.#log)
    return this.#frontend.address
  }

  async apply(next: GatewayConfig): Promise<void> {
    const obstacle = restartNeeded(this.#runtime.config, next)
    if (obstacle !== undefined) throw new Error(obstacle)
    await this.#runtime.reload(next)
    await this.#frontend?.reload(this.#runtime)
  }

  close({ drain = true }: { readonly drain?: boolean } = {}): Promise<void> {
    const { timeouts } = this.#runtime.config
    this.#closed ??= this.#drainAndStop(drain ? timeouts.drain : 0, timeouts.shutdown)
    return this.#closed
  }

  async #drainAndStop(drainMs: number, gracePeriodMs: number): Promise<void> {
    this.#runtime.stopHealthChecks()
    if (drainMs > 0) {
      this.#frontend?.drain()
      await delay(drainMs)
      this.#log.info({}, 'port closed; finishing requests in flight')
    }
    await this.stop(gracePeriodMs)
  }

  /** Stops every part that was started. */
  async stop(gracePeriodMs: number): Promise<void> {
    await this.#frontend?.close(gracePeriodMs)
    this.#refusals.close()
    this.#processMonitor?.stop()
    await closeParts(
      {
        accessLog: this.#accessLog?.close(),
        acts: this.#acts.close(),
        fleet: this.#fleet?.close(),
        keys: this.#keys.close(),
        spend: this.#closeSpend(),
        record: this.#recorder?.close(),
        webhooks: this.#webhooks.close(Math.min(gracePeriodMs, WEBHOOK_GRACE_MS)),
        telemetry: this.#telemetry?.close(),
      },
      CLOSE_TIMEOUT_MS,
      this.#log,
    )
    await this.#runtime?.close()
    this.#liveState?.feed.close()
    this.#adminTls?.stop()
    await this.#admin?.close()
    await this.#probes?.close()
    await this.#store.store.close()
  }

  async #closeSpend(): Promise<void> {
    await this.#spend.close(SPEND_GRACE_MS)
    await this.#ledger.close()
  }

  #createLiveState(config: GatewayConfig): LiveState {
    return new LiveState(config, {
      opened: { ...this.#store, stats: () => this.#storeStats() },
      warmUps: { ofRoutes: (config) => this.#runtime.warmUps.ofRoutes(config) },
      acts: {
        change: (edit) => this.#acts.change(edit),
        check: (act) => this.#runtime.checkAct(act),
        current: () => this.#acts.acts,
        unfit: () => this.#runtime.unfitActs,
        failure: () => this.#acts.failure,
      },
      upstreams: () => this.#frontend?.load().upstreams ?? [],
      spend: { ledger: this.#ledger, recorder: this.#spend },
      keys: {
        stored: () =>
          this.#runtime.config.identity.apiKeys?.kind === 'store' ? this.#keys.store : undefined,
        refresh: () => this.#runtime.services.clients.refreshKeys(),
      },
      log: this.#log,
    })
  }

  async #onActsChanged(acts: readonly Act[]): Promise<void> {
    this.#runtime.setActs(acts)
    await this.#frontend?.reload(this.#runtime)
  }

  #openRuntime(config: GatewayConfig): Promise<Runtime> {
    const { store: opened } = this.#store
    const store = servesMetrics(config) ? timed(opened, this.#observer.onStoreOperation) : opened
    setLines(store, this.#lines)
    const options: RuntimeOptions = {
      isIdle: config.workers > 1,
      recorder: this.#recorder,
      telemetry: this.#telemetry,
      accessLog: this.#accessLog,
      spend: this.#spend,
      store,
      observer: this.#observer,
      log: this.#log,
      onKeyUsed: (digest) => this.#keys.use.note(digest),
      onKeysChanged: () => this.#onFilesChanged(),
      onTlsChanged: () => this.#onFilesChanged(),
      onChange: ({ config, services }) => {
        if (sharesServers(config)) this.#fleet?.start()
        this.#metrics.setTiers(tiersOf(config))
        this.#metrics.setModels(config.models ?? [])
        this.#redaction.configure(config.log)
        this.#keys.configure(config)
        this.#refusals.configure(config.log)
        this.#webhooks.configure(config.webhooks ?? [])
        this.#telemetry?.configure(config)
        this.#liveState?.setConfig(config, services.policies)
      },
    }
    return Runtime.open(config, options, this.#acts.acts)
  }

  #onFilesChanged(): void {
    if (this.#frontend === undefined) this.#missedChange = true
    else this.#frontend.reload(this.#runtime).catch((error) => this.#log.crashed(error))
  }

  #startFrontend(config: GatewayConfig): Promise<Frontend> {
    if (config.workers === 1) return startInProcess(this.#runtime, errorReporter(this.#log))
    return startWorkers({
      runtime: this.#runtime,
      store: this.#store.store,
      lines: this.#lines,
      observer: this.#observer,
      onSpend: (batch) => this.#spend.addBatch(batch),
      reportsEvents: isObserved(config),
      redactionKey: this.#redactionKey,
      onKeysUsed: (uses) => this.#keys.use.addAll(uses),
      log: this.#log,
    })
  }

  async #startAdmin(config: GatewayConfig): Promise<AdminServer | undefined> {
    const liveState = this.#liveState
    if (config.admin === undefined || liveState === undefined) return undefined
    const { tls } = config.admin
    this.#adminTls =
      tls && (await watchTls(tls, this.#log, () => this.#admin?.setTls(this.#adminTls?.material ?? {})))
    return startAdmin({
      config: config.admin,
      tls: this.#adminTls?.material,
      sources: this.#adminSources(liveState),
      perform: (action, by) => liveState.perform(action, by),
      keys: {
        store: () => this.#keys.store,
        kept: () => this.#runtime.config.identity.apiKeys?.kind ?? 'none',
        refresh: () => this.#runtime.services.clients.refreshKeys(),
        unfit: (limits) => unfitLimits(limits, this.#runtime.config)[0]?.message,
      },
      record: config.record && {
        replay: replayRecording(
          { flush: async () => this.#frontend?.flushRecord() },
          () => this.#runtime.config,
        ),
        status: () => recordStatus(this.#runtime.config),
      },
      log: this.#log,
    })
  }

  #probeSources(): ProbeSources {
    return {
      readiness: () => this.#readiness(),
      metrics: {
        text: (format) =>
          this.#metrics.text(
            {
              store: () => this.#storeStats(),
              load: () => this.#frontend?.load() ?? NO_LOAD,
              spend: () => this.#spend.stats,
              lines: () => this.#lines.states(),
              fleet: () => (this.#fleet?.isStarted === true ? this.#fleet : undefined),
              dropped: () => this.#droppedLines(),
              processes: () => this.#processes(),
              warmUps: () => this.#runtime.warmUps.ofRoutes(this.#runtime.config),
            },
            format,
          ),
      },
    }
  }

  /** Returns the resources of this process and of the workers. */
  async #processes(): Promise<(readonly [process: string, ProcessStats])[]> {
    const workers = this.#frontend?.processes() ?? []
    const own = await this.#processMonitor?.stats()
    return [...(own === undefined ? [] : [['main', own] as const]), ...workers]
  }

  #adminSources(liveState: LiveState): AdminSources {
    const probes = this.#probeSources()
    return {
      ...probes,
      metrics: { ...probes.metrics, summary: () => this.#metrics.summary() },
      live: {
        feed: liveState.feed,
        status: () => liveState.status(),
        topClients: () => liveState.topClients(),
        client: (text) => liveState.client(text),
        tree: (text) => liveState.tree(text),
        history: (from) => liveState.history(from),
        refusals: (filter) => liveState.refusals(filter),
        acts: () => liveState.acts(),
        spend: spendEndpoint({ ledger: this.#ledger, recorder: this.#spend }),
        config: () => liveState.config(),
      },
    }
  }

  async #readiness(): Promise<Readiness> {
    if (this.#closed !== undefined) return { ready: false, details: { status: 'stopping' } }
    const health = await this.#store.health()
    const isUpInWorkers = this.#frontend?.storeStats().every(({ up }) => up) ?? true
    return readinessWith(health, isUpInWorkers)
  }

  #storeStats(): StoreStats {
    return summedStats([this.#store.stats(), ...(this.#frontend?.storeStats() ?? [])])
  }

  #droppedLines() {
    const { log = 0, access = 0, record = 0 } = this.#frontend?.droppedLines() ?? {}
    return { log: (this.#log.dropped ?? 0) + log, access, audit: this.#admin?.auditDropped ?? 0, record }
  }
}

/** Returns all tiers that a configuration names. */
function tiersOf(config: GatewayConfig): string[] {
  const ofRules = policiesOf(config).flatMap(({ rules }) =>
    rules.flatMap(({ tiers }) => Object.keys(tiers ?? {})),
  )
  return [...Object.keys(config.tiers), ...ofRules]
}

/**
 * Derives the readiness from the health of the store. While the store is unavailable, the gateway
 * is ready if its failure policy can admit requests; under `closed` it could only respond with 503.
 */
function readinessWith(health: StoreHealth, isUpInWorkers: boolean): Readiness {
  if (health === undefined) return { ready: true, details: { status: 'ready' } }
  const { policy } = health
  const state = isUpInWorkers ? health.state : 'lost'
  if (state === 'answers') return { ready: true, details: { status: 'ready', store: state } }
  const ready = policy !== 'closed'
  return { ready, details: { status: ready ? 'ready' : 'without its store', store: state, policy } }
}
