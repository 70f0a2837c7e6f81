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
import { expectGuarantees, summaryOf } from './expectations.js'
import { runUnderLoad } from './load.js'

const started: { stop(): Promise<void> }[] = []

function stopAfterTest<S extends { stop(): Promise<void> }>(servers: S): S {
  started.push(servers)
  return servers
}

afterEach(async () => {
  await Promise.all(started.splice(0).map((servers) => servers.stop()))
})

describe('under load, every guarantee holds', () => {
  it('when a Sentinel promotes the replica of a lost primary', async () => {
    const { url, name, primary, replica, sentinel } = stopAfterTest(await startRedisSentinels())
    const groups = await runUnderLoad(url, async () => {
      await primary.crash()
      await until(async () => {
        const address = await sentinel.cli('sentinel', 'get-master-addr-by-name', name)
        return address.endsWith(String(replica.port)) && (await isPrimary(replica))
      })
    })
    console.log(`Sentinel failover: ${summaryOf(groups)}`)
    // The replica may lack the last writes of the primary.
    expectGuarantees(groups, { fault: 'outage', sockets: 2, losses: 1 })
  })

  it('when a cluster node is lost and its replica is promoted', async () => {
    const cluster = stopAfterTest(await startRedisCluster())
    const [lost] = cluster.nodes as [RedisServer]
    const replica = stopAfterTest(await addReplica(lost))
    const groups = await runUnderLoad(cluster.url, async () => {
      await until(async () => (await lost.cli('dbsize')) !== '0')
      await lost.crash()
      await until(() => isPrimary(replica))
      const promoted = new RegExp(`:${replica.port}@.* master .* connected \\d+-\\d+$`, 'm')
      for (const node of cluster.nodes.slice(1))
        await until(async () => promoted.test(await node.cli('cluster', 'nodes')))
    })
    console.log(`Cluster node lost: ${summaryOf(groups)}`)
    expectGuarantees(groups, { fault: 'outage', sockets: 8, losses: 1 })
  })

  it('when all slots of a cluster node move to another node', async () => {
    const cluster = stopAfterTest(await startRedisCluster())
    const groups = await runUnderLoad(cluster.url, async () => {
      const moved = await moveSlots(cluster.nodes)
      expect(moved).toBeGreaterThan(0)
    })
    console.log(`Cluster slots moved: ${summaryOf(groups)}`)
    // During the move, a key that a call deletes and creates again belongs to the other node, so
    // the script fails.
    expectGuarantees(groups, { fault: 'recoverable', sockets: 8, allowedError: /a non local key/ })
  })
})

async function isPrimary(server: RedisServer): Promise<boolean> {
  return (await server.cli('role')).startsWith('master')
}

/** Moves every slot with keys from the first node to the second. Returns the number of slots. */
async function moveSlots([from, to]: readonly RedisServer[]): Promise<number> {
  const [source, target] = [from, to].map((node) => new Redis(node?.port ?? 0)) as [Redis, Redis]
  try {
    const [sourceId, targetId] = await Promise.all([source, target].map((node) => node.cluster('MYID')))
    const slots = new Set((await source.keys('*')).map(slotOf))
    for (const slot of slots) {
      await target.cluster('SETSLOT', slot, 'IMPORTING', String(sourceId))
      await source.cluster('SETSLOT', slot, 'MIGRATING', String(targetId))
      // Meanwhile, existing keys are on the source and new ones are created on the target.
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
