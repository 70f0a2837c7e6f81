import type { AddressInfo } from 'node:net'
import { loadOf, type ServerLoad } from '../observability/server-load.js'
import type { ErrorReporter } from '../proxy/error-log.js'
import { startProxy } from '../proxy/proxy-server.js'
import type { Runtime } from '../runtime.js'
import type { StoreStats } from '../store/store-stats.js'

/** What takes the requests of clients. */
export interface Frontend {
  readonly address: AddressInfo
  /** Goes by what holds now. */
  follow(serving: Runtime): Promise<void>
  /**
   * Takes no more requests and waits for those that run.
   *
   * @param patience milliseconds after which those that still run are cut
   */
  close(patience: number): Promise<void>
  /** What its processes hold of clients now. */
  load(): ServerLoad
  /** What its processes count of connections of their own to the store; none where it uses the gateway's. */
  figures(): readonly StoreStats[]
  /** Lines of the log that its processes have dropped; 0 where it logs through the gateway. */
  readonly droppedLogLines: number
}

/**
 * Takes them in this process.
 *
 * @throws Error that says in one line why the port cannot be had.
 */
export async function inProcessFrontend(serving: Runtime, trouble: ErrorReporter): Promise<Frontend> {
  const { listen, timeouts } = serving.config
  const proxy = await startProxy({
    endpoint: listen,
    requestTimeout: timeouts.request,
    maxConnections: serving.limits.maxConnections,
    setup: () => serving.setup,
    trouble,
  })
  return {
    address: proxy.address,
    async follow({ config, limits }) {
      proxy.setRequestTimeout(config.timeouts.request)
      proxy.setMaxConnections(limits.maxConnections)
    },
    close: (patience) => proxy.close(patience),
    load: () => loadOf(proxy, serving),
    figures: () => [],
    droppedLogLines: 0,
  }
}
