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
import { tellRequestErrors } from './request-error-log.js'
import { answers, probeUntilLost, whyAbsent } from './startup-probe.js'
import { tellChanges } from './state-log.js'
import { NEVER_LOST, type StoreStats } from './store-stats.js'

/** The store of a gateway, and how it is. */
export interface OpenedStore {
  readonly store: Store
  /** Asks the store how it is, within its deadline, and so brings back one that was lost. Never rejects. */
  health(): Promise<StoreHealth>
  figures(): StoreStats
}

/** Undefined where the state is in memory, which is never lost. */
export type StoreHealth =
  | { readonly state: 'answers' | 'lost'; readonly policy: FailurePolicyName }
  | undefined

/**
 * Makes the store that a configuration names, and asks it once. Where it does not answer, that is logged and the policy
 * for it decides from the first request on.
 *
 * @param changed is called when the store is lost and when it is back
 */
export async function openStore(
  { store: config, onStoreFailure }: Pick<GatewayConfig, 'store' | 'onStoreFailure'>,
  log: Log,
  changed: () => void = () => {},
): Promise<OpenedStore> {
  if (config.kind === 'memory') {
    const store = memoryStore({ maxKeys: config.maxKeys })
    const figures = () => ({ ...NEVER_LOST, memory: store })
    return { store, health: async () => undefined, figures }
  }
  const remote = await connected(config)
  let absent = await whyAbsent(remote)
  const tell = tellChanges({
    address: storeAddress(config),
    log,
    stats: () => guarded.stats(),
    knownReason: () => absent,
  })
  const guarded: FailurePolicyStore = withFailurePolicy(remote, {
    ...onStoreFailure,
    onStateChange(change) {
      tell(change)
      changed()
    },
    onRequestError: tellRequestErrors(storeAddress(config), log),
  })
  if (absent !== undefined) await probeUntilLost(guarded)
  absent = undefined
  return {
    store: guarded,
    async health() {
      // One question that fails is enough: the breaker waits for several before it calls the store lost.
      return { state: (await answers(guarded)) ? 'answers' : 'lost', policy: onStoreFailure.policy }
    },
    figures() {
      const { state, failures, timeouts, requestErrors, unavailable, localKeys, ...stats } = guarded.stats()
      return {
        ...{ up: state === 'closed', breaker: state, failures, timeouts, requestErrors, unavailable },
        settlements: { waiting: stats.settlementsWaiting, lost: stats.settlementsLost },
        memory: { keys: localKeys, overflowed: 0 },
      }
    },
  }
}

/** A store that connects at its first use. What the other kind needs is not even read. */
async function connected({ kind, url }: StoreConfig & { readonly url: string }): Promise<Store> {
  if (kind === 'redis') return (await import('sluice/redis')).redisStore(url)
  return (await import('sluice/memcached')).memcachedStore(url)
}
