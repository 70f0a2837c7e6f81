import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, describe, expect, it, onTestFinished } from 'vitest'
import type { Limit } from '../../../src/limits/limit.js'
import { redisStore } from '../../../src/stores/redis/index.js'
import { storeKey } from '../../../src/stores/redis/redis-key.js'
import { slotOf } from '../../../src/stores/redis/slot.js'
import type { Charge, StoreVerdict } from '../../../src/stores/store.js'
import {
  type RedisServer,
  startRedis,
  startRedisCluster,
  startRedisSentinels,
  until,
} from '../servers/redis.js'
import {
  CLIENTS,
  type ClientName,
  type Connected,
  connect,
  type Running,
  type Topology,
} from './topologies.js'

const LIMIT: Limit = { algorithm: 'sliding-log', limit: 100, period: 3_600_000 }

const opened: { close(): Promise<void> }[] = []
const started: { stop(): Promise<void> }[] = []

afterEach(async () => {
  for (const each of opened.splice(0)) await each.close()
  for (const each of started.splice(0)) await each.stop()
})

function charge(key: string): Charge {
  return { scope: 'failover', key, limit: LIMIT, cost: 1 }
}

async function open(
  topology: Topology,
  url: string,
  nodes: readonly RedisServer[],
): Promise<Map<ClientName, Connected>> {
  const running: Running = { topology, url, nodes, stop: async () => {} }
  const stores = new Map<ClientName, Connected>()
  for (const name of CLIENTS) {
    const connected = await connect(running, name, '')
    opened.push(connected)
    stores.set(name, connected)
  }
  return stores
}

/** Repeats a take until it succeeds. */
async function takeWithRetries({ store }: Connected, key: string): Promise<StoreVerdict> {
  let verdict: StoreVerdict | undefined
  await until(async () => {
    verdict = (await Promise.race([store.take([charge(key)]), pause(500)]))?.[0]
    return verdict !== undefined
  })
  return verdict as StoreVerdict
}

it('a store finds the primary although the first of its Sentinels hangs', async () => {
  const servers = await startRedisSentinels()
  started.push(servers)
  const sockets = new Set<Socket>()
  const hung = createServer((socket) => void sockets.add(socket)).listen(0, '127.0.0.1')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    hung.close()
  })
  await once(hung, 'listening')
  const { port } = hung.address() as AddressInfo
  const store = redisStore({ url: servers.url.replace('://', `://127.0.0.1:${port},`) })
  opened.push(store)
  const [verdict] = await store.take([charge('first')])
  expect(verdict?.remaining).toBe(99)
  expect(sockets.size).toBeGreaterThan(0)
})

describe('a failover of the primary', () => {
  it('keeps the used units with every client when a Sentinel promotes the replica', async () => {
    const servers = await startRedisSentinels()
    started.push(servers)
    const stores = await open('sentinel', servers.url, [servers.primary])
    for (const [name, { store }] of stores)
      for (let call = 0; call < 10; call++) await store.take([charge(name)])
    await until(async () => (await servers.replica.cli('dbsize')) === '3')
    expect(await servers.primary.cli('wait', '1', '5000')).toBe('1')
    await servers.primary.stop()
    await until(async () => (await servers.replica.cli('role')).startsWith('master'))
    for (const [name, connected] of stores) {
      // A failed call may have taken effect.
      const { remaining } = await takeWithRetries(connected, name)
      expect(remaining).toBeLessThanOrEqual(89)
      const [next] = await connected.store.take([charge(name)])
      expect(next?.remaining).toBe(remaining - 1)
    }
    expect(await servers.replica.cli('dbsize')).toBe('3')
  })

  it.each(['ioredis', 'url'] as const)('makes %s reconnect when the primary rejects writes', async (name) => {
    const server = await startRedis()
    started.push(server)
    const stores = await open('standalone', `redis://127.0.0.1:${server.port}`, [server])
    const connected = stores.get(name) as Connected
    await connected.store.take([charge('a')])
    const other = await startRedis()
    started.push(other)
    await server.cli('replicaof', '127.0.0.1', String(other.port))
    const connections = async () =>
      /total_connections_received:(\d+)/.exec(await server.cli('info', 'stats'))?.[1]
    const before = Number(await connections())
    await expect(connected.store.take([charge('b')])).rejects.toThrow(/READONLY|MASTERDOWN|closed/)
    await server.cli('replicaof', 'no', 'one')
    expect((await takeWithRetries(connected, 'b')).remaining).toBe(99)
    expect(Number(await connections())).toBeGreaterThan(before)
  })
})

describe('a slot migration', () => {
  it.each(CLIENTS)(
    'is followed by %s, with each charge counted once during and after the migration',
    async (name) => {
      const cluster = await startRedisCluster()
      started.push(cluster)
      const stores = await open('cluster', cluster.url, cluster.nodes)
      const { store } = stores.get(name) as Connected
      await store.take([charge('moving'), charge('staying')])
      const key = storeKey('', 'failover', 'moving')
      const { from, to, slot } = await migrationOf(cluster.nodes, key)

      await to.node.cli('cluster', 'setslot', slot, 'importing', from.id)
      await from.node.cli('cluster', 'setslot', slot, 'migrating', to.id)
      await from.node.cli('migrate', '127.0.0.1', String(to.node.port), key, '0', '5000')
      await expectTaken(10)
      for (const { node } of [to, from]) await node.cli('cluster', 'setslot', slot, 'node', to.id)
      await expectTaken(10)
      const [left] = await store.peek([charge('moving')])
      expect(left?.remaining).toBe(78)

      async function expectTaken(count: number) {
        const calls = Array.from({ length: count }, () => store.take([charge('moving'), charge('staying')]))
        const verdicts = (await Promise.all(calls)).flat()
        expect(verdicts.filter(({ allowed }) => allowed)).toHaveLength(2 * count)
      }
    },
  )
})

/** Returns the slot of a key, its node, and another node to which the slot can migrate. */
async function migrationOf(nodes: readonly RedisServer[], key: string) {
  const known = await Promise.all(
    nodes.map(async (node) => ({
      node,
      id: await node.cli('cluster', 'myid'),
      keys: await node.cli('keys', '*'),
    })),
  )
  const from = known.find(({ keys }) => keys.split('\n').includes(key))
  const to = known.find((each) => each !== from)
  if (from === undefined || to === undefined) throw new Error('no node has the key')
  return { from, to, slot: String(slotOf(key)) }
}
