import { readFile } from 'node:fs/promises'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Limit } from '../../../src/limits/limit.js'
import { redisStore } from '../../../src/stores/redis/index.js'
import { type Charge, type Store, settlementOf } from '../../../src/stores/store.js'
import { type RedisServer, startRedis, startRedisCluster } from '../servers/redis.js'

/** Tests that the documented permissions suffice for every algorithm and client. */

const HOUR = 3_600_000
const LIMITS: Record<string, Limit> = {
  bucket: { algorithm: 'token-bucket', limit: 10, period: 1000 * HOUR, burst: 10 },
  calendar: { algorithm: 'fixed-window', limit: 10, period: 365 * 24 * HOUR, align: 'calendar' },
  sliding: { algorithm: 'sliding-window', limit: 10, period: HOUR },
  log: { algorithm: 'sliding-log', limit: 10, period: HOUR },
  slots: { algorithm: 'concurrency', limit: 10, lease: HOUR },
}

let rules: string[]
let server: RedisServer
beforeAll(async () => {
  const page = await readFile(new URL('../../../../../docs/stores.md', import.meta.url), 'utf8')
  const [, line = ''] = /^ACL SETUSER sluice (.*)$/m.exec(page) ?? []
  rules = line.split(' ')
  server = await startRedis()
  expect(await server.cli('acl', 'setuser', 'sluice', ...rules)).toBe('OK')
})
afterAll(() => server?.stop())

let leases = 0
function charge(name: string, key: string, cost = 1): Charge {
  return { scope: name, key, limit: LIMITS[name] as Limit, cost, lease: `lease ${leases++}` }
}

async function runAllOperations(store: Store) {
  for (const cost of [2, 1, 20, 3])
    await store.take(Object.keys(LIMITS).map((name) => charge(name, 'a', cost)))
  for (const name of Object.keys(LIMITS)) {
    const taken = charge(name, 'b', 6)
    const [verdict] = await store.take([taken])
    await store.settle([settlementOf(taken, verdict as never, 2)])
    await store.settle([settlementOf(taken, verdict as never, 0)])
    await store.reset(name, 'a')
  }
  // One key under different limits, including the key of a bucket under a concurrency limit.
  const bucket = charge('bucket', 'changed', 2)
  await store.take([bucket])
  await store.take([{ ...bucket, limit: { ...(LIMITS.sliding as Limit) } as Limit }])
  await store.take([{ ...bucket, limit: LIMITS.log as Limit }])
  await store.take([{ ...bucket, limit: LIMITS.slots as Limit }])
  await store.peek([bucket])
}

it('docs/stores.md contains the permissions under test', () => {
  expect(rules).toContain('~sluice:*')
})

it('the documented permissions allow every operation through ioredis, node-redis and a URL', async () => {
  const password = 'password'
  const io = new Redis({ port: server.port, username: 'sluice', password, maxRetriesPerRequest: 0 })
  const node = createClient({ url: `redis://sluice:${password}@127.0.0.1:${server.port}` })
  node.on('error', () => {})
  await node.connect()
  const byUrl = redisStore(`redis://sluice:${password}@127.0.0.1:${server.port}`)
  try {
    await runAllOperations(redisStore({ client: io, rememberRefusals: 0 }))
    await runAllOperations(redisStore({ client: node as never, rememberRefusals: 0 }))
    await runAllOperations(byUrl)
    await server.cli('script', 'flush')
    await runAllOperations(byUrl)
  } finally {
    io.disconnect()
    await node.close()
    await byUrl.close()
  }
})

it('the documented permissions allow no access to other keys', async () => {
  const client = new Redis({ port: server.port, username: 'sluice', password: 'password' })
  try {
    const store = redisStore({ client, prefix: 'other:', rememberRefusals: 0 })
    await expect(Promise.resolve(store.take([charge('bucket', 'a')]))).rejects.toThrow(/NOPERM|ermission/)
  } finally {
    client.disconnect()
  }
})

it('the documented permissions allow every operation in a cluster', async () => {
  const cluster = await startRedisCluster()
  try {
    for (const node of cluster.nodes) expect(await node.cli('acl', 'setuser', 'sluice', ...rules)).toBe('OK')
    const store = redisStore(cluster.url.replace('//', '//sluice:password@'))
    try {
      await runAllOperations(store)
    } finally {
      await store.close()
    }
  } finally {
    await cluster.stop()
  }
})
