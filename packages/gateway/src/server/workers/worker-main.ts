import { isDeepStrictEqual } from 'node:util'
import type { Store } from 'sluice'
import { withFailurePolicy } from 'sluice'
import type { GatewayConfig } from '../../policy/config/config.js'
import { parseConfig } from '../../policy/config/load-config.js'
import { shareOf } from '../../policy/config/server-limits.js'
import { GivenKeys } from '../identity/key-file-watch.js'
import { createProcessLog } from '../logging/log.js'
import { logFatalErrors, logStrayOutput } from '../logging/stray-output.js'
import { timed } from '../observability/metrics/timed-store.js'
import { broadcast, type Observer } from '../observability/observer.js'
import { loadOf } from '../observability/server-load.js'
import { unreadableResponseLog } from '../observability/unreadable-responses.js'
import { errorReporter } from '../proxy/error-log.js'
import { startProxy } from '../proxy/proxy-server.js'
import { Runtime } from '../runtime.js'
import { openStore } from '../store/open-store.js'
import { eventSender } from './event-sender.js'
import { type RemoteStore, remoteStore } from './remote-store.js'
import type { FromWorker, Orders, ToWorker } from './worker-protocol.js'

/**
 * A process that takes requests for the primary, which holds the state and whatever those who run the gateway look at.
 */

/** The primary answers at once or is gone; one that is stopped by its debugger must not pile requests up here for ever. */
const DEADLINE_MS = 5000
/** How often its load, a store of its own, and lines that its log dropped are told of, in milliseconds. */
const FIGURES_MS = 1000
/** How long the last lines of the log may take at the end, in milliseconds. */
const LAST_LINES_MS = 500

const log = createProcessLog()
logStrayOutput(log)
logFatalErrors(log)
let remote: RemoteStore | undefined
let running: Running | undefined
/** Orders are carried out one after the other, so that what holds in the end is what was said last. */
let last: Promise<void> = Promise.resolve()

interface Running {
  follow(orders: Orders): Promise<void>
  stop(patience: number): Promise<void>
}

// The primary says when to stop. A terminal sends its signals to the whole group.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
// Without a primary nothing can be decided, and nobody would ever end this process.
process.on('disconnect', () => process.exit(1))
process.on('message', (message: ToWorker) => {
  obey(message).catch(async (error: Error) => {
    await send({ kind: 'failed', message: error.message })
    process.exit(1)
  })
})

async function obey(message: ToWorker): Promise<void> {
  switch (message.kind) {
    case 'begin':
      last = last.then(async () => {
        running = await begin(message)
      })
      return last
    case 'follow':
      last = last.then(async () => {
        await running?.follow(message.orders)
        await send({ kind: 'followed' })
      })
      return last
    case 'answers':
      remote?.answered(message.answers)
      return
    case 'stop':
      await running?.stop(message.patience)
      await log.flush(LAST_LINES_MS)
      process.exit(0)
  }
}

async function begin({
  orders,
  workers,
  observed,
}: Extract<ToWorker, { readonly kind: 'begin' }>): Promise<Running> {
  const config = configOf(orders)
  const sender = eventSender(
    (observations) => send({ kind: 'seen', observations }),
    (dropped) => log.info({ dropped }, 'the primary is slow to count; so much was not counted'),
  )
  const observer: Observer = broadcast([observed ? sender : unreadableResponseLog(log)])
  const { store, stop: closeStore } = await storeFor(config, workers)
  const keys = new GivenKeys()
  keys.set(orders.keys)
  const serving = await Runtime.open(
    config,
    {
      ...{ store: timed(store, observer.onStoreOperation), observer, log },
      gatewayName: orders.gatewayName,
      share: (limits) => shareOf(limits, workers),
      openKeys: (file) => keys.open(file),
      isWorker: true,
    },
    orders.overrides,
  )
  const proxy = await startProxy({
    endpoint: config.listen,
    requestTimeout: config.timeouts.request,
    maxConnections: serving.limits.maxConnections,
    setup: () => serving.setup,
    trouble: errorReporter(log),
  })
  const tellLoad = () => void send({ kind: 'load', load: loadOf(proxy, serving) })
  const telling = setInterval(tellLoad, FIGURES_MS).unref()
  tellLoad()
  await send({ kind: 'listening', address: proxy.address })
  let current = orders
  return {
    async follow(next) {
      keys.set(next.keys)
      const isSameConfig = next.source.text === current.source.text && next.upstream === current.upstream
      if (!isSameConfig) {
        const config = configOf(next)
        await serving.apply(config)
        proxy.setRequestTimeout(config.timeouts.request)
        proxy.setMaxConnections(serving.limits.maxConnections)
      }
      if (!isSameConfig || !isDeepStrictEqual(next.overrides, serving.overrides))
        serving.override(next.overrides)
      current = next
    },
    async stop(patience) {
      clearInterval(telling)
      await proxy.close(patience)
      await serving.close()
      await closeStore()
      await sender.flush()
    },
  }
}

function configOf({ source, listen, upstream }: Orders): GatewayConfig {
  return { ...parseConfig(source.text, source.file), listen, upstream }
}

/** State in memory is the primary's. What a fleet shares is asked by each worker itself. */
async function storeFor(
  config: GatewayConfig,
  workers: number,
): Promise<{ readonly store: Store; stop(): Promise<void> }> {
  if (config.store.kind === 'memory') {
    remote = remoteStore((calls) => send({ kind: 'calls', calls }))
    const store = withFailurePolicy(remote, { policy: 'closed', deadline: DEADLINE_MS })
    return { store, stop: async () => store.close() }
  }
  const { onStoreFailure } = config
  // While the store is away each worker decides by itself, so that each has its part of this gateway's part.
  const peers = (onStoreFailure.peers ?? 1) * workers
  const shared = onStoreFailure.policy === 'local' ? { ...onStoreFailure, peers } : onStoreFailure
  const opened = await openStore({ ...config, onStoreFailure: shared }, log, () => tell())
  const tell = () => {
    const figures = opened.figures()
    // Without requests nothing else would find out that the store is back.
    if (!figures.up) void opened.health()
    void send({ kind: 'figures', figures })
  }
  const telling = setInterval(tell, FIGURES_MS).unref()
  return {
    store: opened.store,
    async stop() {
      clearInterval(telling)
      await opened.store.close()
    },
  }
}

/** Settles when the primary has taken it, or is gone. */
function send(message: FromWorker): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected) process.send?.(message, undefined, undefined, () => resolve())
    else resolve()
  })
}

let reportedDropped = 0
setInterval(() => {
  const logLines = log.dropped - reportedDropped
  reportedDropped = log.dropped
  if (logLines > 0) void send({ kind: 'dropped', logLines })
}, FIGURES_MS).unref()

await send({ kind: 'ready' })
