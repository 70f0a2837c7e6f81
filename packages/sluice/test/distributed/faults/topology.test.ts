import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterEach, describe, expect, it } from 'vitest'
import { slotOf } from '../../../src/stores/redis/slot.js'
import {
  addReplica,
  type RedisServer,
  startRedisCluster,
  startRedisSentinels,
  until,
} from '../../stores/servers/redis.js'
import { expectKept, figuresOf } from './expectations.js'
import { underLoad } from './load.js'

const started: { stop(): Promise<void> }[] = []

function stopsWithTest<S extends { stop(): Promise<void> }>(servers: S): S {
  started.push(servers)
  return servers
}

afterEach(async () => {
  await Promise.all(started.splice(0).map((servers) => servers.stop()))
})

describe('under load', () => {
  it('a Sentinel puts the replica in the place of a lost primary', async () => {
    const { url, name, primary, replica, sentinel } = stopsWithTest(await startRedisSentinels())
    const groups = await underLoad(url, async () => {
      await primary.crash()
      await until(async () => {
        const address = await sentinel.cli('sentinel', 'get-master-addr-by-name', name)
        return address.endsWith(String(replica.port)) && (await isPrimary(replica))
      })
    })
    console.log(`A failover by a Sentinel: ${figuresOf(groups)}`)
    // A replica may lack what the primary took last.
    expectKept(groups, { fault: 'loses', sockets: 2, losses: 1 })
  })

  it('a node of a cluster is lost, and its replica takes its place', async () => {
    const cluster = stopsWithTest(await startRedisCluster())
    const [lost] = cluster.nodes as [RedisServer]
    const replica = stopsWithTest(await addReplica(lost))
    const groups = await underLoad(cluster.url, async () => {
      await until(async () => (await lost.cli('dbsize')) !== '0')
      await lost.crash()
      await until(() => isPrimary(replica))
      const promoted = new RegExp(`:${replica.port}@.* master .* connected \\d+-\\d+$`, 'm')
      for (const node of cluster.nodes.slice(1))
        await until(async () => promoted.test(await node.cli('cluster', 'nodes')))
    })
    console.log(`A node of a cluster lost: ${figuresOf(groups)}`)
    expectKept(groups, { fault: 'loses', sockets: 8, losses: 1 })
  })

  it('the slots of all limits of a node move to another', async () => {
    const cluster = stopsWithTest(await startRedisCluster())
    const groups = await underLoad(cluster.url, async () => {
      const moved = await moveKeys(cluster.nodes)
      expect(moved).toBeGreaterThan(0)
    })
    console.log(`SlotArena of a cluster moved: ${figuresOf(groups)}`)
    // A key that one call empties and fills again is another node's while its slot moves: the server stops the script.
    expectKept(groups, { fault: 'mends', sockets: 8, unmended: /a non local key/ })
  })
})

async function isPrimary(server: RedisServer): Promise<boolean> {
  return (await server.cli('role')).startsWith('master')
}

/** Moves every slot of the first node that has keys to the second one, and says how many there were. */
async function moveKeys([from, to]: readonly RedisServer[]): Promise<number> {
  const [source, target] = [from, to].map((node) => new Redis(node?.port ?? 0)) as [Redis, Redis]
  try {
    const [sourceId, targetId] = await Promise.all([source, target].map((node) => node.cluster('MYID')))
    const slots = new Set((await source.keys('*')).map(slotOf))
    for (const slot of slots) {
      await target.cluster('SETSLOT', slot, 'IMPORTING', String(sourceId))
      await source.cluster('SETSLOT', slot, 'MIGRATING', String(targetId))
      // In between, keys are on the one and new ones come into being on the other.
      await pause(50)
      for (;;) {
        const keys = await source.cluster('GETKEYSINSLOT', slot, 10)
        if (keys.length === 0) break
        await source.call('MIGRATE', '127.0.0.1', to?.port ?? 0, '', 0, 5000, 'KEYS', ...keys)
      }
      for (const node of [target, source]) await node.cluster('SETSLOT', slot, 'NODE', String(targetId))
    }
    return slots.size
  } finally {
    source.disconnect()
    target.disconnect()
  }
}
