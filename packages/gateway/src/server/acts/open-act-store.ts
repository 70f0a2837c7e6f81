import type { GatewayConfig } from '../../policy/config/config.js'
import { type ActStore, MemoryActStore } from './act-store.js'
import { FileActStore } from './file-act-store.js'
import { RedisActStore } from './redis-act-store.js'

/** Opens the store of acts of a configuration: Redis, a file, or the memory of this process. */
export function openActStore({ store, state }: Pick<GatewayConfig, 'store' | 'state'>): ActStore {
  if (store.kind === 'redis') return new RedisActStore(store.url)
  return state === undefined ? new MemoryActStore() : new FileActStore(state)
}
