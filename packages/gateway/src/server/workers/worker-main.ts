import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Store } from 'sluice'
import { withFailurePolicy } from 'sluice'
import { withLines } from 'sluice/internal'
import type { GatewayConfig } from '../../policy/config/config.js'
import { knownVariables, parseConfig } from '../../policy/config/load-config.js'
import { shareOf } from '../../policy/config/server-limits.js'
import { closeParts } from '../close-parts.js'
import { KeyUse } from '../identity/keys/key-use.js'
import { ReceivedKeys } from '../identity/keys/keys-file-watch.js'
import { exitProcess } from '../logging/exit-process.js'
import { createProcessLog } from '../logging/log.js'
import { logFatalErrors, logStrayOutput } from '../logging/stray-output.js'
import { AccessLog } from '../observability/access-log.js'
import { ClientRedaction } from '../observability/client-redaction.js'
import { ProcessMonitor } from '../observability/metrics/process-stats.js'
import { timed } from '../observability/metrics/timed-store.js'
import { broadcast, type Observer } from '../observability/observer.js'
import { recordErrorLog } from '../observability/recording/record-errors.js'
import { Recorder, workerRecord } from '../observability/recording/recorder.js'
import { responseWarnings } from '../observability/response-warnings.js'
import { loadOf } from '../observability/server-load.js'
import { openTelemetry } from '../observability/telemetry/telemetry.js'
import { errorReporter } from '../proxy/error-reporter.js'
import { startProxy } from '../proxy/proxy-server.js'
import { Runtime } from '../runtime.js'
import { SpendRecorder } from '../spend/spend-recorder.js'
import { openStore } from '../store/open-store.js'
import { openOutbox } from '../webhooks/open-outbox.js'
import { noticeOf } from '../webhooks/threshold-notices.js'
import { Webhooks } from '../webhooks/webhooks.js'
import { eventSender } from './event-sender.js'
import { RemoteLedger } from './remote-ledger.js'
import { machineTickets, remoteLines } from './remote-lines.js'
import { type RemoteStore, remoteStore } from './remote-store.js'
import type {
  FromWorker,
  StartMessage,
  ToWorker,
  WorkerConfig,
  WorkerDroppedLines,
} from './worker-protocol.js'

// The program of a worker: a process that serves requests for the primary. The primary holds the
// state in memory, the metrics and the admin port.

/**
 * The timeout of calls to the primary's store. A primary either replies immediately or has exited.
 * The timeout keeps requests from piling up here while a debugger suspends the primary.
 */
const STORE_DEADLINE_MS = 5000
/** The interval at which the load, the store connection and dropped lines are reported. */
const REPORT_INTERVAL_MS = 1000
/** The interval at which the resources of the process are reported. */
const PROCESS_INTERVAL_MS = 5000
/** Maximum time to add notices to the outbox after the primary was killed. */
const NOTICE_FLUSH_TIMEOUT_MS = 1000
/**
 * Maximum time to close the parts of the process. The primary kills a worker 5 seconds after its
 * grace period, and the last log lines must be written before.
 */
const CLOSE_TIMEOUT_MS = 3500
/** Maximum time for the primary to receive what the last requests have spent. */
const SPEND_CLOSE_TIMEOUT_MS = 3000
/** Maximum time to write the last log lines before the process exits. */
const LOG_FLUSH_TIMEOUT_MS = 500

const log = createProcessLog()
logStrayOutput(log)
logFatalErrors(log)
let remote: RemoteStore | undefined
const lines = remoteLines((calls) => void send({ kind: 'lineCalls', calls }), machineTickets())
const spendInPrimary = new RemoteLedger((batch) => void send({ kind: 'spend', batch }))
let recorder: Recorder | undefined
let accessLog: AccessLog | undefined
let server: WorkerServer | undefined
/** Serializes configurations, so that the last one sent is the one in effect. */
let lastChange: Promise<void> = Promise.resolve()

interface WorkerServer {
  /** Adds the notices for webhooks that only this process knows to the outbox. */
  flushNotices(): Promise<void>
  configure(config: WorkerConfig): Promise<void>
  drain(): void
  stop(gracePeriodMs: number): Promise<void>
}

// Only the primary stops workers. A terminal sends its signals to the whole process group.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
// Without its primary, a worker cannot decide anything and would never be stopped.
process.on('disconnect', async () => {
  await Promise.race([server?.flushNotices(), delay(NOTICE_FLUSH_TIMEOUT_MS)])
  await exitProcess(1)
})
process.on('message', (message: ToWorker) => {
  handleMessage(message).catch(async (error: Error) => {
    await send({ kind: 'failed', message: error.message })
    await exitProcess(1)
  })
})

async function handleMessage(message: ToWorker): Promise<void> {
  switch (message.kind) {
    case 'start':
      lastChange = lastChange.then(async () => {
        server = await startServer(message)
      })
      return lastChange
    case 'configure':
      lastChange = lastChange.then(async () => {
        await server?.configure(message.config)
        await send({ kind: 'configured' })
      })
      return lastChange
    case 'drain':
      lastChange = lastChange.then(() => server?.drain())
      return lastChange
    case 'flushRecord':
      await recorder?.flush()
      await send({ kind: 'recordFlushed' })
      return
    case 'storeReplies':
      remote?.onReplies(message.replies)
      return
    case 'lineReplies':
      lines.onReplies(message.replies)
      return
    case 'spendReceived':
      spendInPrimary.onReceived(message.sequence)
      return
    case 'stop':
      await server?.stop(message.gracePeriodMs)
      await log.flush(LOG_FLUSH_TIMEOUT_MS)
      await exitProcess(0)
  }
}

async function startServer(start: StartMessage): Promise<WorkerServer> {
  const { config: first, worker, workers, reportsEvents, recordOrigin, redactionKey } = start
  const config = compile(first)
  const redaction = new ClientRedaction(config.log, redactionKey)
  const sender = eventSender(
    (events) => send({ kind: 'events', events }),
    (dropped) => log.info({ dropped }, 'events were dropped: the primary is too slow to receive them'),
  )
  const webhooks = sharedOutbox(config)
  const observer: Observer = broadcast([
    reportsEvents ? sender : responseWarnings(log),
    ...(webhooks === undefined ? [] : [thresholdRecorder(webhooks)]),
  ])
  const telemetry = await openTelemetry(config, { log, redaction, worker })
  const { store, close: closeStore } = await openWorkerStore(config, workers)
  if (config.record !== undefined) {
    const own = workerRecord(config.record, worker, workers)
    recorder = new Recorder(own, recordErrorLog(log), recordOrigin)
  }
  if (config.accessLog !== undefined) accessLog = new AccessLog({ config: config.accessLog, log, redaction })
  const spend = new SpendRecorder({
    ledger: { add: (batch) => spendInPrimary.add(batch) },
    log,
    deadlineMs: Number.POSITIVE_INFINITY,
  })
  const keys = new ReceivedKeys()
  const keyUse = new KeyUse()
  keys.set(first.keysFile)
  let tls = first.tls
  const runtime = await Runtime.open(
    config,
    {
      ...{ store: reportsEvents ? timed(store, observer.onStoreOperation) : store, observer, log },
      spend,
      recorder,
      telemetry,
      accessLog,
      onChange({ config }) {
        redaction.configure(config.log)
        telemetry?.configure(config)
      },
      gatewayName: first.gatewayName,
      share: (limits) => shareOf(limits, workers),
      openKeysFile: (file) => keys.open(file),
      onKeyUsed: (digest) => keyUse.note(digest),
      openTls: (purpose) => ({
        get material() {
          return tls[purpose] ?? {}
        },
        stop() {},
      }),
      isWorker: true,
    },
    first.acts,
  )
  const proxy = await startProxy({
    endpoint: config.listen,
    tls: tls.listen,
    requestTimeoutMs: config.timeouts.request,
    maxConnections: runtime.limits.maxConnections,
    services: () => runtime.services,
    errors: errorReporter(log),
  })
  const reportLoad = () => void send({ kind: 'load', load: loadOf(proxy, runtime) })
  const reportKeyUse = async () => {
    const uses = keyUse.drain()
    if (uses.size > 0) await send({ kind: 'keysUsed', uses })
  }
  const reports = setInterval(() => {
    reportLoad()
    void reportKeyUse()
  }, REPORT_INTERVAL_MS).unref()
  reportLoad()
  const monitor = reportsEvents ? new ProcessMonitor() : undefined
  const reportProcess = async () => {
    if (monitor !== undefined) await send({ kind: 'process', stats: await monitor.stats() })
  }
  const processReports = setInterval(() => void reportProcess(), PROCESS_INTERVAL_MS).unref()
  await reportProcess()
  await send({ kind: 'listening', address: proxy.address })
  let current = first
  return {
    async flushNotices() {
      await webhooks?.flush()
    },
    async configure(next) {
      const hasNewKeys = keys.set(next.keysFile)
      const before = tls
      tls = next.tls
      if (tls.listen !== undefined && !isDeepStrictEqual(tls.listen, before.listen)) proxy.setTls(tls.listen)
      const isSameConfig =
        isDeepStrictEqual(next.source, current.source) && next.upstream === current.upstream
      if (!isSameConfig) {
        const config = compile(next)
        await runtime.reload(config)
        webhooks?.configure(config.webhooks ?? [])
        proxy.setRequestTimeout(config.timeouts.request)
        proxy.setMaxConnections(runtime.limits.maxConnections)
      } else {
        if (hasNewKeys) runtime.refitKeys()
        if (!isDeepStrictEqual({ ...tls, listen: undefined }, { ...before, listen: undefined }))
          runtime.refreshUpstreams()
      }
      if (!isDeepStrictEqual(next.acts, runtime.acts)) runtime.setActs(next.acts)
      current = next
    },
    drain() {
      runtime.stopHealthChecks()
      proxy.drain()
    },
    async stop(gracePeriodMs) {
      clearInterval(reports)
      clearInterval(processReports)
      monitor?.stop()
      runtime.stopHealthChecks()
      await proxy.close(gracePeriodMs)
      await closeParts(
        {
          accessLog: accessLog?.close(),
          upstream: runtime.close(),
          store: closeStore(),
          spend: spend.close(SPEND_CLOSE_TIMEOUT_MS),
          events: sender.flush(),
          keyUse: reportKeyUse(),
          record: recorder?.close(),
          webhooks: webhooks?.close(0),
          telemetry: telemetry?.close(),
        },
        CLOSE_TIMEOUT_MS,
        log,
      )
      await reportDropped()
    },
  }
}

/**
 * Opens the outbox in Redis, to which a worker adds thresholds itself. The primary sends them. If the
 * worker only reported them, they would be lost if the primary were killed at the same time.
 */
function sharedOutbox({ store, webhooks = [] }: GatewayConfig): Webhooks | undefined {
  if (store.kind !== 'redis') return undefined
  const outbox = new Webhooks({ outbox: openOutbox(store), log, delivers: false })
  outbox.configure(webhooks)
  return outbox
}

/** Returns an observer that adds thresholds to the outbox. The primary logs and counts them. */
function thresholdRecorder(webhooks: Webhooks): Partial<Observer> {
  return {
    onLimiterEvent(route, event) {
      if (event.type === 'threshold') webhooks.send(noticeOf(route, event))
    },
  }
}

function compile({ source, listen, upstream }: WorkerConfig): GatewayConfig {
  return { ...parseConfig(source.text, source.file, knownVariables(source.variables)), listen, upstream }
}

/**
 * Opens the store of a worker: the primary's if the state is in memory, otherwise its own
 * connection.
 */
async function openWorkerStore(
  config: GatewayConfig,
  workers: number,
): Promise<{ readonly store: Store; close(): Promise<void> }> {
  if (config.store.kind === 'memory') {
    remote = remoteStore((calls) => send({ kind: 'storeCalls', calls }))
    const decided = withFailurePolicy(remote, { policy: 'closed', deadline: STORE_DEADLINE_MS })
    const store = withLines(decided, lines)
    return { store, close: async () => store.close() }
  }
  const { onStoreFailure } = config
  // While the store is unavailable, each worker decides by itself, so each gets a part of this
  // gateway's share.
  const peers = (onStoreFailure.peers ?? 1) * workers
  const perWorker = onStoreFailure.policy === 'local' ? { ...onStoreFailure, peers } : onStoreFailure
  const opened = await openStore({ ...config, onStoreFailure: perWorker }, log, () => reportStats())
  const reportStats = () => {
    const stats = opened.stats()
    // Without requests, only a probe detects that the store has recovered.
    if (!stats.up) void opened.health()
    void send({ kind: 'storeStats', stats })
  }
  const reports = setInterval(reportStats, REPORT_INTERVAL_MS).unref()
  return {
    store: withLines(opened.store, lines),
    async close() {
      clearInterval(reports)
      await opened.store.close()
    },
  }
}

/** Settles when the primary has received the message, or is disconnected. */
function send(message: FromWorker): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected) process.send?.(message, undefined, undefined, () => resolve())
    else resolve()
  })
}

let reported: WorkerDroppedLines = { log: 0, access: 0, record: 0 }

/** Reports the lines that were dropped since the last report. */
async function reportDropped(): Promise<void> {
  const now = { log: log.dropped, access: accessLog?.dropped ?? 0, record: recorder?.dropped ?? 0 }
  const dropped = {
    log: now.log - reported.log,
    access: now.access - reported.access,
    record: now.record - reported.record,
  }
  reported = now
  if (Object.values(dropped).some((count) => count > 0)) await send({ kind: 'droppedLines', dropped })
}

setInterval(() => void reportDropped(), REPORT_INTERVAL_MS).unref()

await send({ kind: 'ready' })
