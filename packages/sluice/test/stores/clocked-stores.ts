import { Redis } from 'ioredis'
import { afterAll, beforeAll } from 'vitest'
import { memoryStore } from '../../src/stores/memory/memory-store.js'
import { IoRedisConnection } from '../../src/stores/redis/clients/ioredis.js'
import { ScriptStore } from '../../src/stores/redis/redis-store.js'
import type { Store } from '../../src/stores/store.js'
import type { ManualClock } from '../../src/time/clock.js'
import { storeWithClock } from './memcached/store-with-clock.js'
import { type MemcachedServer, startMemcached } from './servers/memcached.js'
import { type RedisServer, startRedis } from './servers/redis.js'

export const STORE_KINDS = ['memory', 'Redis', 'Memcached'] as const

/**
 * Starts the servers for the tests of a file. Returns a function that creates an empty store of a
 * kind, whose time is that of the clock.
 */
export function clockedStores(): (kind: (typeof STORE_KINDS)[number], clock: ManualClock) => Store {
  let redis: RedisServer
  let client: Redis
  let memcached: MemcachedServer
  let created = 0

  beforeAll(async () => {
    redis = await startRedis()
    client = new Redis(redis.port)
    memcached = await startMemcached()
  })

  afterAll(async () => {
    client?.disconnect()
    await redis?.stop()
    await memcached?.stop()
  })

  return (kind, clock) => {
    const prefix = `store-${created++}:`
    switch (kind) {
      case 'memory':
        return memoryStore({ clock })
      case 'Redis':
        return new ScriptStore(new IoRedisConnection(client, false), prefix, clock.now)
      case 'Memcached':
        return storeWithClock(memcached.port, clock, clock.now, prefix)
    }
  }
}
