import {
  type FailurePolicyName,
  type FailurePolicyStore,
  memoryStore,
  type Store,
  withFailurePolicy,
} from 'sluice'
import type { GatewayConfig, StoreConfig } from '../../policy/config/config.js'
import { storeAddress } from '../../policy/config/store-address.js'
import type { Log } from '../logging/log.js'
import { probeConnection, probeUntilBreakerOpens, responds } from './startup-probe.js'
import { requestErrorLog, stateLog } from './store-log.js'
import { ALWAYS_UP, type StoreStats } from './store-stats.js'

/** The store of a gateway, with its health and statistics. */
export interface OpenedStore {
  readonly store: Store
  /**
   * Probes the store within its deadline, which also detects that an unavailable store has
   * recovered. Never rejects.
   */
  health(): Promise<StoreHealth>
  stats(): StoreStats
}

/** Undefined for a memory store, which is always available. */
export type StoreHealth =
  | { readonly state: 'answers' | 'lost'; readonly policy: FailurePolicyName }
  | undefined

/**
 * Opens the store of a configuration and probes it. An unreachable store is logged, and the failure
 * policy decides from the first request on.
 *
 * @param onChange called when the store becomes unavailable and when it recovers
 */
export async function openStore(
  { store: config, onStoreFailure }: Pick<GatewayConfig, 'store' | 'onStoreFailure'>,
  log: Log,
  onChange: () => void = () => {},
): Promise<OpenedStore> {
  if (config.kind === 'memory') {
    const store = memoryStore({ maxKeys: config.maxKeys })
    return { store, health: async () => undefined, stats: () => ({ ...ALWAYS_UP, memory: store }) }
  }
  const remote = await createRemoteStore(config)
  let startupError = await probeConnection(remote)
  const logChange = stateLog({
    address: storeAddress(config),
    log,
    stats: () => guarded.stats(),
    knownReason: () => startupError,
  })
  const guarded: FailurePolicyStore = withFailurePolicy(remote, {
    ...onStoreFailure,
    onStateChange(change) {
      logChange(change)
      onChange()
    },
    onRequestError: requestErrorLog(storeAddress(config), log),
  })
  if (startupError !== undefined) await probeUntilBreakerOpens(guarded)
  startupError = undefined
  return {
    store: guarded,
    async health() {
      // A single failed probe counts here, whereas the breaker opens only after several.
      return { state: (await responds(guarded)) ? 'answers' : 'lost', policy: onStoreFailure.policy }
    },
    stats() {
      const { state, failures, timeouts, requestErrors, unavailable, localKeys, ...settlements } =
        guarded.stats()
      return {
        ...{ up: state === 'closed', breaker: state, failures, timeouts, requestErrors, unavailable },
        settlements: { waiting: settlements.settlementsWaiting, lost: settlements.settlementsLost },
        memory: { keys: localKeys, overflowed: 0 },
      }
    },
  }
}

/** Creates a store that connects on first use. Only the module of its kind is loaded. */
async function createRemoteStore({ kind, url }: StoreConfig & { readonly url: string }): Promise<Store> {
  if (kind === 'redis') return (await import('sluice/redis')).redisStore(url)
  return (await import('sluice/memcached')).memcachedStore(url)
}
