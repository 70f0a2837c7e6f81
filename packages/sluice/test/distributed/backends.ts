import { memcachedStore } from '../../src/stores/memcached/index.js'
import { redisStore } from '../../src/stores/redis/index.js'
import type { Store } from '../../src/stores/store.js'
import { type MemcachedServer, startMemcached } from '../stores/servers/memcached.js'
import { type RedisServer, startRedis, startRedisCluster } from '../stores/servers/redis.js'

/** The stores that several processes can share. */
export const BACKENDS = ['Redis', 'Redis Cluster', 'Memcached'] as const

export type BackendName = (typeof BACKENDS)[number]

/** The running servers of a store. */
export interface Backend {
  readonly name: BackendName
  readonly url: string
  /** The Redis servers that hold keys. */
  readonly nodes: readonly RedisServer[]
  readonly memcached: MemcachedServer | undefined
  stop(): Promise<void>
}

export async function startBackend(name: BackendName): Promise<Backend> {
  if (name === 'Memcached') {
    const memcached = await startMemcached()
    return { name, url: memcached.url, nodes: [], memcached, stop: memcached.stop }
  }
  if (name === 'Redis Cluster') return { name, memcached: undefined, ...(await startRedisCluster()) }
  const server = await startRedis()
  const url = `redis://127.0.0.1:${server.port}`
  return { name, url, nodes: [server], memcached: undefined, stop: server.stop }
}

/** Creates a store in this process that uses a backend. */
export function storeOn({ url }: Backend, prefix: string): Store {
  return url.startsWith('memcached:') ? memcachedStore({ url, prefix }) : redisStore({ url, prefix })
}
