import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Limit } from '../../../src/limits/limit.js'
import { redisStore } from '../../../src/stores/redis/index.js'
import { storeKey } from '../../../src/stores/redis/redis-key.js'
import type { StoreRequestFailure } from '../../../src/stores/resilience/failure-options.js'
import { withFailurePolicy } from '../../../src/stores/resilience/failure-policy.js'
import { type Charge, settlementOf } from '../../../src/stores/store.js'
import { StoreRequestError } from '../../../src/stores/store-request-error.js'
import { type RedisServer, startRedis } from '../servers/redis.js'

const HOUR = 3_600_000
const LIMITS: Record<string, Limit> = {
  bucket: { algorithm: 'token-bucket', limit: 10, period: 1000 * HOUR, burst: 10 },
  fixed: { algorithm: 'fixed-window', limit: 10, period: HOUR },
  calendar: { algorithm: 'fixed-window', limit: 10, period: 365 * 24 * HOUR, align: 'calendar' },
  sliding: { algorithm: 'sliding-window', limit: 10, period: HOUR },
  log: { algorithm: 'sliding-log', limit: 10, period: HOUR },
  slots: { algorithm: 'concurrency', limit: 10, lease: HOUR },
}
const NAMES = Object.keys(LIMITS)
const PREFIX = 'unreadable:'

let server: RedisServer
let client: Redis

beforeAll(async () => {
  server = await startRedis()
  client = new Redis(server.port)
})

afterAll(async () => {
  client?.disconnect()
  await server?.stop()
})

let leases = 0

function charge(name: string, key: string, cost = 1): Charge {
  return { scope: name, key, limit: LIMITS[name] as Limit, cost, lease: `lease ${leases++}` }
}

/** Overwrites a key that may contain a state of the store. */
type Corrupt = (key: string) => Promise<unknown>

const CORRUPTED: readonly (readonly [string, Corrupt])[] = [
  ['a string that another program wrote', (key) => client.set(key, 'hello')],
  ['an empty string', (key) => client.set(key, '')],
  ['a list', (key) => client.rpush(key, 'a')],
  ['a set', (key) => client.sadd(key, 'a')],
  ['a stream', (key) => client.xadd(key, '*', 'a', 'b')],
  ['a hash', (key) => client.hset(key, 'h', 'hello')],
  ['a sorted set', (key) => client.zadd(key, 1, 'hello')],
  ['a sorted set that ends with infinity', (key) => client.zadd(key, '+inf', 'hello')],
]

/** Ways to damage an existing state of the store. */
const DAMAGED: readonly (readonly [string, Corrupt])[] = [
  ['a truncated string', async (key) => client.set(key, (await header(key)).subarray(0, -3))],
  [
    'a value of another version',
    async (key) => client.set(key, Buffer.concat([Buffer.of(9), (await header(key)).subarray(1)])),
  ],
  [
    'invalid numbers',
    async (key) =>
      client.set(key, Buffer.concat([(await header(key)).subarray(0, -8), Buffer.alloc(8, 255)])),
  ],
  ['a header as a hash', async (key) => client.hset(key, 'h', await header(key, true))],
]

async function header(key: string, remove = false): Promise<Buffer> {
  const bytes = (await client.getBuffer(key)) ?? Buffer.alloc(60, 1)
  if (remove) await client.del(key)
  return bytes
}

let keys = 0

async function expectOtherKeysDecided(name: string, corrupt: Corrupt, exists: boolean) {
  const failures: StoreRequestFailure[] = []
  const store = withFailurePolicy(redisStore({ client, prefix: PREFIX, rememberRefusals: 0 }), {
    policy: 'closed',
    deadline: 30_000,
    onRequestError: (failure) => failures.push(failure),
  })
  const bad = `bad ${keys++}`
  const good = `good ${keys}`
  if (exists) await store.take([charge(name, bad)])
  const key = storeKey(PREFIX, name, bad)
  if (!exists || (await client.type(key)) !== 'string') await client.del(key)
  await corrupt(key)
  const before = await client.dump(key)
  for (let round = 0; round < 2; round++) {
    const results = await Promise.allSettled([
      ...NAMES.map((each) => store.take([charge(each, good)])),
      store.take([charge(name, bad)]),
      store.take([...NAMES.map((each) => charge(each, good)), charge(name, bad)]),
      store.peek([charge(name, bad, 0)]),
      ...NAMES.map((each) => store.take([charge(each, good)])),
    ])
    const outcomes = results.map((result) =>
      result.status === 'fulfilled' ? result.value[0]?.remaining : result.reason.name,
    )
    const used = 2 * round
    expect(outcomes).toEqual([
      ...NAMES.map(() => 9 - used),
      'StoreUnavailableError',
      'StoreUnavailableError',
      'StoreUnavailableError',
      ...NAMES.map(() => 8 - used),
    ])
  }
  expect(await client.dump(key)).toBe(before)
  expect(store.stats()).toMatchObject({ state: 'closed', failures: 0, timeouts: 0, requestErrors: 6 })
  expect(failures.map(({ cause }) => cause instanceof StoreRequestError)).toEqual(Array(6).fill(true))
  expect(failures[0]?.cause.message).toBe(
    `the key ${key} holds a value that this version of sluice did not write; delete it or choose another prefix`,
  )
  await store.reset(name, bad)
  expect(await store.take([charge(name, bad)])).toMatchObject([{ allowed: true, remaining: 9 }])
}

describe.each(NAMES)('an unreadable key of a %s limit', (name) => {
  it.each(CORRUPTED)('fails only its own requests if it contains %s', (_kind, corrupt) =>
    expectOtherKeysDecided(name, corrupt, false),
  )

  it.each(DAMAGED)('fails only its own requests if it contains %s', (_kind, corrupt) =>
    expectOtherKeysDecided(name, corrupt, true),
  )
})

it('the Redis store fails only the requests to a log whose entries are missing', async () => {
  const store = withFailurePolicy(redisStore({ client, prefix: PREFIX, rememberRefusals: 0 }), {
    policy: 'closed',
    deadline: 30_000,
  })
  for (let count = 0; count < 3; count++) await store.take([charge('log', 'no entries')])
  const key = storeKey(PREFIX, 'log', 'no entries')
  await client.hdel(key, '0', '1', '2')
  const slots = charge('slots', 'intact')
  const results = await Promise.allSettled([
    store.take([charge('log', 'intact')]),
    store.take([slots, charge('log', 'no entries')]),
    store.take([charge('log', 'intact'), slots]),
    store.take([charge('slots', 'intact')]),
  ])
  expect(
    results.map((result) =>
      result.status === 'fulfilled' ? result.value.map(({ remaining }) => remaining) : result.reason.name,
    ),
  ).toEqual([[9], 'StoreUnavailableError', [8, 9], [8]])
  expect(store.stats()).toMatchObject({ state: 'closed', requestErrors: 1 })
})

it('the Redis store refunds the other keys of a request when one key has become unreadable', async () => {
  const store = redisStore({ client, prefix: PREFIX, rememberRefusals: 0 })
  const charges = NAMES.map((name) => charge(name, 'settled', 6))
  const verdicts = await store.take(charges)
  await client.set(storeKey(PREFIX, 'sliding', 'settled'), 'hello')
  const settlements = charges.map((each, index) => settlementOf(each, verdicts[index] as never, 1))
  await expect(Promise.resolve(store.settle(settlements))).rejects.toThrow(StoreRequestError)
  const others = NAMES.filter((name) => name !== 'sliding')
  const left = await store.peek(others.map((name) => charge(name, 'settled', 0)))
  expect(left.map(({ remaining }) => remaining)).toEqual(others.map(() => 9))
})

it('the policy `local` decides a request with an unreadable key locally', async () => {
  const store = withFailurePolicy(redisStore({ client, prefix: PREFIX, rememberRefusals: 0 }), {
    policy: 'local',
    peers: 5,
    deadline: 30_000,
  })
  await client.set(storeKey(PREFIX, 'fixed', 'local'), 'hello')
  const verdicts = (
    await Promise.all(Array.from({ length: 4 }, () => store.take([charge('fixed', 'local')])))
  ).flat()
  expect(verdicts.map(({ allowed, degraded }) => [allowed, degraded])).toEqual([
    [true, 'local'],
    [true, 'local'],
    [false, 'local'],
    [false, 'local'],
  ])
})
