import type { AddressInfo } from 'node:net'
import type { ProcessStats } from '../observability/metrics/process-stats.js'
import { loadOf, type ServerLoad } from '../observability/server-load.js'
import type { ErrorReporter } from '../proxy/error-reporter.js'
import { startProxy } from '../proxy/proxy-server.js'
import type { Runtime } from '../runtime.js'
import type { StoreStats } from '../store/store-stats.js'
import type { WorkerDroppedLines } from './worker-protocol.js'

/** The part of a gateway that accepts client requests, in one process or in several. */
export interface Frontend {
  readonly address: AddressInfo
  /** Applies the runtime's current configuration, acts, keys and TLS files. */
  reload(runtime: Runtime): Promise<void>
  /** Continues to accept requests, but sends `Connection: close` in all responses from now on. */
  drain(): void
  /**
   * Stops accepting requests and waits for those in flight.
   *
   * @param gracePeriodMs milliseconds after which remaining requests are aborted
   */
  close(gracePeriodMs: number): Promise<void>
  /** Tells other processes whether requests wait in the lines of this one. */
  setLinesIdle(areIdle: boolean): void
  /** The resources that clients currently use, across all processes. */
  load(): ServerLoad
  /** Statistics of the workers' own connections to the store; empty if they have none. */
  storeStats(): readonly StoreStats[]
  /** The resources of each worker process, by its name; empty if there are no workers. */
  processes(): readonly (readonly [process: string, ProcessStats])[]
  /** Resolves once the records of all requests that ended before the call can be read. */
  flushRecord(): Promise<void>
  /** Numbers of lines of the record, of the access log, and of the workers' logs, that were dropped. */
  droppedLines(): WorkerDroppedLines
}

/**
 * Accepts requests in this process.
 *
 * @throws Error with a one-line message if the port cannot be opened
 */
export async function startInProcess(runtime: Runtime, errors: ErrorReporter): Promise<Frontend> {
  const { listen, timeouts } = runtime.config
  const proxy = await startProxy({
    endpoint: listen,
    tls: runtime.tls.listen,
    requestTimeoutMs: timeouts.request,
    maxConnections: runtime.limits.maxConnections,
    services: () => runtime.services,
    errors,
  })
  return {
    address: proxy.address,
    async reload({ config, limits, tls }) {
      if (tls.listen !== undefined) proxy.setTls(tls.listen)
      proxy.setRequestTimeout(config.timeouts.request)
      proxy.setMaxConnections(limits.maxConnections)
    },
    drain: () => proxy.drain(),
    close: (gracePeriodMs) => proxy.close(gracePeriodMs),
    setLinesIdle() {},
    load: () => loadOf(proxy, runtime),
    storeStats: () => [],
    processes: () => [],
    flushRecord: async () => runtime.services.recorder?.flush(),
    droppedLines: () => ({
      log: 0,
      access: runtime.services.accessLog?.dropped ?? 0,
      record: runtime.services.recorder?.dropped ?? 0,
    }),
  }
}
