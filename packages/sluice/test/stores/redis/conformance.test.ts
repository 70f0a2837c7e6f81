import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe } from 'vitest'
import { ScriptStore } from '../../../src/stores/redis/redis-store.js'
import { describeStore } from '../conformance.js'
import {
  CLIENTS,
  type ClientName,
  type Connected,
  connect,
  type Running,
  startTopology,
  TOPOLOGIES,
} from './topologies.js'

/** Extra lifetime of keys that are written at a time set by the test, in milliseconds. */
const SLACK = 3000

/** Ages the keys of a prefix and returns the number of keys that have not expired. */
const AGE = `
  local live = 0
  for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do
    local left = redis.call('PTTL', key) - tonumber(ARGV[2])
    if ARGV[2] ~= '0' then redis.call('PEXPIRE', key, string.format('%.0f', math.max(left, 0))) end
    if left > ${SLACK} then live = live + 1 end
  end
  return live`

let stores = 0

for (const topology of TOPOLOGIES) {
  describe(topology, () => {
    let running: Running
    let nodes: Redis[] = []
    const connected = new Map<ClientName, Connected>()

    beforeAll(async () => {
      running = await startTopology(topology)
      nodes = running.nodes.map(({ port }) => new Redis(port))
      for (const name of CLIENTS) connected.set(name, await connect(running, name, ''))
    })

    afterAll(async () => {
      for (const each of connected.values()) await each.close()
      for (const node of nodes) node.disconnect()
      await running?.stop()
    })

    for (const name of CLIENTS) {
      describeStore(
        name,
        () => {
          const prefix = `store ${stores++}:`
          const { connection } = connected.get(name) as Connected
          let now = Date.UTC(2026, 10, 24, 12)
          const store = new ScriptStore(connection, prefix, () => now)
          const age = async (milliseconds: number) => {
            const counts = nodes.map((node) => node.eval(AGE, 0, prefix, milliseconds))
            return (await Promise.all(counts)).reduce<number>((sum, count) => sum + Number(count), 0)
          }
          return {
            store,
            async advance(milliseconds) {
              now += milliseconds
              // The server counts whole milliseconds, so this rounds down.
              await age(Math.floor(milliseconds))
            },
            setBack(milliseconds) {
              now -= milliseconds
            },
            keys: () => age(0),
            async close() {
              await Promise.all(nodes.map((node) => node.flushall()))
            },
          }
        },
        { jumps: topology === 'standalone' && name === 'ioredis', isAtomic: topology !== 'cluster' },
      )
    }
  })
}
