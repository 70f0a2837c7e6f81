import type { AddressInfo } from 'node:net'
import { type GatewayConfig, policiesOf } from '../policy/config/config.js'
import { isObserved, restartNeeded } from '../policy/config/restart-needed.js'
import type { Readiness } from './admin/admin-routes.js'
import { startAdmin } from './admin/admin-server.js'
import { LiveState } from './admin/live-state.js'
import { recordStatus } from './admin/replay/record-status.js'
import { replayRecording } from './admin/replay/replay-recording.js'
import type { Log } from './logging/log.js'
import { GatewayMetrics } from './observability/metrics/gateway-metrics.js'
import { timed } from './observability/metrics/timed-store.js'
import { broadcast } from './observability/observer.js'
import { Recorder } from './observability/recording/recorder.js'
import { RefusalLog } from './observability/refusal-log.js'
import { NO_LOAD } from './observability/server-load.js'
import { unreadableResponseLog } from './observability/unreadable-responses.js'
import { errorReporter } from './proxy/error-log.js'
import { Runtime } from './runtime.js'
import { type OpenedStore, openStore, type StoreHealth } from './store/open-store.js'
import { summedStats } from './store/store-stats.js'
import { type Frontend, inProcessFrontend } from './workers/frontend.js'
import { workerFrontend } from './workers/worker-pool.js'

/** A gateway that runs. */
export interface Gateway {
  readonly address: AddressInfo
  /** Undefined without an admin port. */
  readonly adminAddress: AddressInfo | undefined
  /**
   * Goes on with another configuration. Requests that are under way end as they began; what clients have used stays used.
   * Rejects with an Error that says what needs a restart, or what is wrong; nothing has changed then. One call ends before the
   * next begins.
   */
  apply(config: GatewayConfig): Promise<void>
  /** Takes no more requests and waits for those that run, as long as the configuration says; then cuts them. */
  close(): Promise<void>
}

/**
 * Starts a gateway. A store that does not answer hinders it not: that is logged, and the policy for it decides.
 *
 * @throws Error where a port cannot be had, or the configuration names an upstream that cannot be used.
 */
export async function startGateway(first: GatewayConfig, log: Log): Promise<Gateway> {
  const opened = await openStore(first, log)
  try {
    return await startWith(opened, first, log)
  } catch (error) {
    await opened.store.close()
    throw error
  }
}

async function startWith(opened: OpenedStore, first: GatewayConfig, log: Log): Promise<Gateway> {
  let front: Frontend | undefined
  const metrics = new GatewayMetrics()
  const figures = () => summedStats([opened.figures(), ...(front?.figures() ?? [])])
  const liveState =
    first.admin &&
    new LiveState(first, {
      opened: { ...opened, figures },
      warmUps: { ofRoutes: (config) => serving.warmUps.ofRoutes(config) },
      overrides: () => serving.overrides,
      async override(overrides) {
        serving.override(overrides)
        await front?.follow(serving)
      },
      log,
    })
  const refusals = new RefusalLog(first.log, { log })
  const observer = broadcast([
    ...(liveState === undefined ? [] : [metrics, liveState]),
    ...[refusals, unreadableResponseLog(log)],
  ])
  const recorder = first.record && new Recorder(first.record, recordFailures(log))
  /** Whether the keys changed while the workers were starting with the old ones. */
  let keysAreNewer = false
  const serving: Runtime = await Runtime.open(first, {
    recorder,
    keysChanged() {
      if (front === undefined) keysAreNewer = true
      else front.follow(serving).catch((error) => log.crashed(error))
    },
    store: liveState === undefined ? opened.store : timed(opened.store, observer.onStoreOperation),
    observer,
    log,
    changed({ config, setup }) {
      metrics.setTiers(tiersOf(config))
      refusals.configure(config.log)
      liveState?.setConfig(config, setup.admission.policies)
    },
  }).catch((error) => {
    liveState?.feed.close()
    throw error
  })
  const letGo = async () => {
    refusals.close()
    await serving.close()
    await recorder?.close()
    liveState?.feed.close()
  }
  let stopping: Promise<void> | undefined

  const trouble = errorReporter(log)
  const readiness = async (): Promise<Readiness> =>
    stopping === undefined
      ? readinessWith(await opened.health(), front?.figures().every(({ up }) => up) ?? true)
      : { ready: false, details: { status: 'stopping' } }
  let admin: Awaited<ReturnType<typeof startAdmin>> | undefined
  try {
    front =
      first.workers === 1
        ? await inProcessFrontend(serving, trouble)
        : await workerFrontend({
            serving,
            store: opened.store,
            observer,
            observed: isObserved(first),
            log,
          })
    if (keysAreNewer) await front.follow(serving)
    admin =
      first.admin &&
      liveState &&
      (await startAdmin({
        config: first.admin,
        sources: {
          readiness,
          metrics: {
            type: metrics.contentType,
            text: () =>
              metrics.text({
                store: figures,
                load: () => front?.load() ?? NO_LOAD,
                dropped: () => ({
                  log: (log.dropped ?? 0) + (front?.droppedLogLines ?? 0),
                  audit: admin?.auditDropped ?? 0,
                  record: recorder?.dropped ?? 0,
                }),
                warmUps: () => serving.warmUps.ofRoutes(serving.config),
              }),
            summary: () => metrics.summary(),
          },
          live: {
            feed: liveState.feed,
            status: () => liveState.status(),
            topClients: () => liveState.topClients(),
            client: (text) => liveState.client(text),
            config: () => liveState.config(),
          },
        },
        perform: (action) => liveState.perform(action),
        record: recorder && {
          replay: replayRecording(recorder, () => serving.config),
          status: () => recordStatus(serving.config),
        },
        log,
      }))
  } catch (error) {
    await front?.close(0)
    await letGo()
    throw error
  }

  return {
    address: front.address,
    adminAddress: admin?.address,
    async apply(next) {
      const fixed = restartNeeded(serving.config, next)
      if (fixed !== undefined) throw new Error(fixed)
      await serving.apply(next)
      await front.follow(serving)
    },
    close() {
      stopping ??= (async () => {
        await front.close(serving.config.timeouts.shutdown)
        await letGo()
        await admin?.close()
        await opened.store.close()
      })()
      return stopping
    },
  }
}

/** All the tiers that a configuration names. */
function tiersOf(config: GatewayConfig): string[] {
  const ofRules = policiesOf(config).flatMap(({ rules }) =>
    rules.flatMap(({ tiers }) => Object.keys(tiers ?? {})),
  )
  return [...Object.keys(config.tiers), ...ofRules]
}

/** A gateway that can decide without its store is ready without it; one that may not would only answer 503. */
function readinessWith(health: StoreHealth, isUpInWorkers: boolean): Readiness {
  if (health === undefined) return { ready: true, details: { status: 'ready' } }
  const { policy } = health
  const state = isUpInWorkers ? health.state : 'lost'
  if (state === 'answers') return { ready: true, details: { status: 'ready', store: state } }
  const ready = policy !== 'closed'
  return { ready, details: { status: ready ? 'ready' : 'without its store', store: state, policy } }
}

/** A record that goes on failing is logged once a minute for each cause, however often it is tried. */
const RECORD_FAILURE_QUIET_MS = 60_000

function recordFailures(log: Log): (error: unknown) => void {
  let last = { message: '', at: Number.NEGATIVE_INFINITY }
  return (error) => {
    const message = String(error)
    const now = performance.now()
    if (message === last.message && now - last.at < RECORD_FAILURE_QUIET_MS) return
    last = { message, at: now }
    log.crashed(error)
  }
}
