import type { StoreConfig } from '../../policy/config/config.js'
import { MemoryOutbox } from './memory-outbox.js'
import type { Outbox } from './outbox.js'
import { RedisOutbox } from './redis-outbox.js'

/** Opens the outbox that belongs to a store. Memcached has no lists, so notices stay in memory. */
export function openOutbox(store: StoreConfig): Outbox {
  return store.kind === 'redis' ? new RedisOutbox(store.url) : new MemoryOutbox()
}
