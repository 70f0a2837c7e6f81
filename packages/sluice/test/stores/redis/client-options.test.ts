import { Redis, type RedisOptions } from 'ioredis'
import { createClient, createSentinel } from 'redis'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { Limit } from '../../../src/limits/limit.js'
import { redisStore } from '../../../src/stores/redis/index.js'
import { type FailurePolicyStore, withFailurePolicy } from '../../../src/stores/resilience/failure-policy.js'
import { type Charge, settlementOf } from '../../../src/stores/store.js'
import { type RedisServer, startRedis } from '../servers/redis.js'
import { IOREDIS, IOREDIS_CLUSTER, ioRedis } from './clients/ioredis.js'
import { BINARY, NODE_REDIS, NODE_REDIS_CLUSTER } from './clients/node-redis.js'
import { type ClientCase, type OpenClient, opened, urlOf } from './clients/opened-client.js'
import { type Running, startTopology } from './topologies.js'

/** Tests that the store itself, not the failure policy, decides with all client options. */

const HOUR = 3_600_000
const LIMITS: Record<string, Limit> = {
  bucket: { algorithm: 'token-bucket', limit: 10, period: 1000 * HOUR, burst: 10 },
  calendar: { algorithm: 'fixed-window', limit: 10, period: 365 * 24 * HOUR, align: 'calendar' },
  sliding: { algorithm: 'sliding-window', limit: 10, period: HOUR },
  log: { algorithm: 'sliding-log', limit: 10, period: HOUR },
  slots: { algorithm: 'concurrency', limit: 10, lease: HOUR },
}

let leases = 0

function chargesOf(key: string, cost = 1): Charge[] {
  return Object.entries(LIMITS).map(([scope, limit]) => ({
    scope,
    key,
    limit,
    cost,
    lease: `lease ${leases++}`,
  }))
}

let stores = 0

/**
 * Returns a store with a failure policy on a new client, as in an app whose first request arrives
 * before the client has connected.
 */
async function openStore(open: OpenClient, ports: readonly number[]): Promise<FailurePolicyStore> {
  const { client, connect, close } = open(ports)
  onTestFinished(async () => void (await close()))
  const connected = connect?.()
  const prefix = `options ${stores++}:`
  const store = withFailurePolicy(redisStore({ client, prefix, rememberRefusals: 0 }), { deadline: 30_000 })
  // A cluster and a pool are used once they are connected, as their documentation requires.
  if ('masters' in client || 'clientsInUse' in client) await connected
  else connected?.catch(() => {})
  return store
}

async function expectDecisions(store: FailurePolicyStore, flushScripts: () => Promise<unknown>) {
  const together = await Promise.all(Array.from({ length: 12 }, () => store.take(chargesOf('shared'))))
  const allowed = together.filter((verdicts) => verdicts.every((verdict) => verdict.allowed))
  expect(allowed).toHaveLength(10)
  await flushScripts()
  const charges = chargesOf('settled', 6)
  const verdicts = await store.take(charges)
  await store.settle(charges.map((charge, index) => settlementOf(charge, verdicts[index] as never, 2)))
  const left = await store.peek(chargesOf('settled', 0))
  expect(left.map(({ remaining }) => remaining)).toEqual([8, 8, 8, 8, 8])
  for (const { scope, key } of charges) await store.reset(scope, key)
  const fresh = await store.peek(chargesOf('settled', 0))
  expect(fresh.map(({ remaining }) => remaining)).toEqual([10, 10, 10, 10, 10])
  expect(store.stats()).toMatchObject({
    state: 'closed',
    failures: 0,
    timeouts: 0,
    degraded: 0,
    settlementsLost: 0,
  })
}

describe('a store on a standalone server', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server?.stop())

  it.each([...IOREDIS, ...NODE_REDIS])('decides through %s', async (_name, open) => {
    const store = await openStore(open, [server.port])
    await expectDecisions(store, () => server.cli('script', 'flush'))
  })

  it('rejects calls through an unconnected client with an error that states the fix', async () => {
    const client = createClient({ url: urlOf([server.port]) })
    client.on('error', () => {})
    await expect(redisStore({ client }).take(chargesOf('unconnected'))).rejects.toThrow(
      'the node-redis client is not connected; await client.connect() before the first request',
    )
  })

  it('rejects a legacy client of node-redis', () => {
    const client = createClient({ url: urlOf([server.port]) }).legacy()
    expect(() => redisStore({ client: client as never })).toThrow(
      "'client' is a legacy client; pass the node-redis client from which it was created",
    )
  })

  it('adds one listener per event to a client without an offline queue, for any number of waiting requests', async () => {
    const client = new Redis(server.port, { enableOfflineQueue: false, lazyConnect: true })
    client.on('error', () => {})
    onTestFinished(() => client.disconnect())
    const store = redisStore({ client, prefix: 'listeners:' })
    const turns: Promise<unknown>[] = []
    for (let turn = 0; turn < 30; turn++) {
      turns.push(Promise.resolve(store.take(chargesOf(`turn ${turn}`))))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await Promise.all(turns)
    expect(client.listenerCount('close')).toBeLessThan(5)
  })

  it.each([
    ['ioredis', () => ioRedis(new Redis(1, { enableOfflineQueue: false, lazyConnect: true }))],
    [
      'node-redis',
      () => {
        const client = createClient({ url: 'redis://127.0.0.1:1', disableOfflineQueue: true })
        return opened(
          client,
          () => client.destroy(),
          () => client.connect(),
        )
      },
    ],
  ] satisfies ClientCase[])(
    'fails each call through %s without an offline queue while the server is down',
    async (_name, open) => {
      const { client, connect, close } = (open as OpenClient)([])
      onTestFinished(async () => void (await close()))
      connect?.().catch(() => {})
      const store = redisStore({ client, rememberRefusals: 0 })
      for (let call = 0; call < 3; call++)
        await expect(Promise.resolve(store.take(chargesOf('down')))).rejects.toThrow()
    },
  )
})

describe('a store on a cluster', () => {
  let running: Running
  beforeAll(async () => {
    running = await startTopology('cluster')
  })
  afterAll(() => running?.stop())

  it.each([...IOREDIS_CLUSTER, ...NODE_REDIS_CLUSTER])('decides through %s', async (_name, open) => {
    const store = await openStore(
      open,
      running.nodes.map(({ port }) => port),
    )
    await expectDecisions(store, () => Promise.all(running.nodes.map((each) => each.cli('script', 'flush'))))
  })
})

describe('a store on a server with Sentinels', () => {
  let running: Running
  let port: number
  beforeAll(async () => {
    running = await startTopology('sentinel')
    port = Number(/:(\d+)/.exec(running.url)?.[1])
  })
  afterAll(() => running?.stop())

  const flushScripts = () => running.nodes[0]?.cli('script', 'flush') ?? Promise.reject(new Error('no node'))

  it.each<[string, RedisOptions]>([
    ['enableAutoPipelining', { enableAutoPipelining: true }],
    ['no offline queue', { enableOfflineQueue: false, lazyConnect: true }],
    ['a keyPrefix', { keyPrefix: 'app:', enableAutoPipelining: true }],
  ])('decides through ioredis with %s', async (_name, options) => {
    const open: OpenClient = () =>
      ioRedis(new Redis({ sentinels: [{ port }], name: 'mymaster', ...(options as object) }))
    await expectDecisions(await openStore(open, []), flushScripts)
  })

  it.each<[string, object]>([
    ['RESP 2', { RESP: 2 }],
    ['a keyPrefix', { keyPrefix: 'app:' }],
    ['a type mapping', { commandOptions: { typeMapping: BINARY } }],
    ['no offline queue', { nodeClientOptions: { disableOfflineQueue: true } }],
  ])('decides through node-redis with %s', async (_name, options) => {
    const client = createSentinel({
      name: 'mymaster',
      sentinelRootNodes: [{ host: '127.0.0.1', port }],
      ...options,
    })
    client.on('error', () => {})
    await client.connect()
    const open: OpenClient = () => ({ client: client as never, close: () => client.close() })
    await expectDecisions(await openStore(open, []), flushScripts)
  })
})
