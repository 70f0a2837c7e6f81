import { Cluster, Redis } from 'ioredis'
import { createClient, createCluster, createSentinel } from 'redis'
import { IoRedisConnection } from '../../../src/stores/redis/clients/ioredis.js'
import { NodeRedisConnection } from '../../../src/stores/redis/clients/node-redis.js'
import { RedisUrlConnection } from '../../../src/stores/redis/clients/redis-url-connection.js'
import { redisStore } from '../../../src/stores/redis/index.js'
import type { RedisConnection } from '../../../src/stores/redis/redis-connection.js'
import type { RedisStore } from '../../../src/stores/redis/redis-store.js'
import { parseRedisUrl } from '../../../src/stores/redis/redis-url.js'
import { type RedisServer, startRedis, startRedisCluster, startRedisSentinels } from '../servers/redis.js'

/** The topologies of Redis under test. */
export const TOPOLOGIES = ['standalone', 'cluster', 'sentinel'] as const
export const CLIENTS = ['ioredis', 'node-redis', 'url'] as const

export type Topology = (typeof TOPOLOGIES)[number]
export type ClientName = (typeof CLIENTS)[number]

/** Running servers. `nodes` are those that hold state. */
export interface Running {
  readonly topology: Topology
  readonly url: string
  readonly nodes: readonly RedisServer[]
  stop(): Promise<void>
}

export async function startTopology(topology: Topology): Promise<Running> {
  if (topology === 'cluster') return { topology, ...(await startRedisCluster()) }
  if (topology === 'sentinel') {
    const sentinels = await startRedisSentinels()
    return { topology, url: sentinels.url, nodes: [sentinels.primary], stop: sentinels.stop }
  }
  const server = await startRedis()
  return { topology, url: `redis://127.0.0.1:${server.port}`, nodes: [server], stop: server.stop }
}

/** Disables the refusal cache, which would not notice at once when a test flushes the servers. */
const rememberRefusals = 0

/** A store on running servers, with its connection. */
export interface Connected {
  readonly store: RedisStore
  /** The connection, for use by another store. */
  readonly connection: RedisConnection
  close(): Promise<void>
}

export async function connect(running: Running, name: ClientName, prefix: string): Promise<Connected> {
  if (name === 'ioredis') {
    const client = ioRedisFor(running)
    client.on('error', () => {})
    const connection = new IoRedisConnection(client, false)
    return {
      store: redisStore({ client, prefix, rememberRefusals }),
      connection,
      close: async () => client.disconnect(),
    }
  }
  if (name === 'node-redis') {
    const client = nodeRedisFor(running)
    client.on('error', () => {})
    await client.connect()
    const connection = new NodeRedisConnection(client)
    return {
      store: redisStore({ client, prefix, rememberRefusals }),
      connection,
      close: () => client.close(),
    }
  }
  const connection = new RedisUrlConnection(parseRedisUrl(running.url))
  const store = redisStore({ url: running.url, prefix, rememberRefusals })
  const close = async () => {
    await Promise.all([store.close(), connection.close()])
  }
  return { store, connection, close }
}

function ioRedisFor({ topology, url }: Running): Redis | Cluster {
  const [first = 0, ...others] = portsOf(url)
  if (topology === 'cluster') return new Cluster([first, ...others])
  return topology === 'sentinel'
    ? new Redis({ sentinels: [{ port: first }], name: 'mymaster' })
    : new Redis({ port: first })
}

function nodeRedisFor({ topology, url }: Running) {
  const ports = portsOf(url)
  if (topology === 'cluster')
    return createCluster({ rootNodes: ports.map((port) => ({ url: `redis://127.0.0.1:${port}` })) })
  if (topology === 'standalone') return createClient({ url })
  const sentinelRootNodes = ports.map((port) => ({ host: '127.0.0.1', port }))
  return createSentinel({ name: 'mymaster', sentinelRootNodes })
}

function portsOf(url: string): number[] {
  return [...url.matchAll(/:(\d+)/g)].map(([, port]) => Number(port))
}
