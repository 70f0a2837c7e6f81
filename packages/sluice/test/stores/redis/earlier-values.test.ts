import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { IoRedisConnection } from '../../../src/stores/redis/clients/ioredis.js'
import { storeKey } from '../../../src/stores/redis/redis-key.js'
import { ScriptStore } from '../../../src/stores/redis/redis-store.js'
import { type RedisServer, startRedis } from '../servers/redis.js'

const NOW = 1_764_000_000_000
const bucket = { algorithm: 'token-bucket', limit: 60, period: 3_600_000, burst: 60 } as const

let server: RedisServer
let client: Redis

beforeAll(async () => {
  server = await startRedis()
  client = new Redis(server.port)
})
afterAll(async () => {
  client.disconnect()
  await server.stop()
})

/**
 * Returns a value of the previous version: version, letter, limit, period, burst, zone; expiry;
 * state.
 */
function earlierValue(
  letter: string,
  limit: number,
  period: number,
  burst: number,
  ...numbers: number[]
): Buffer {
  const head = Buffer.alloc(27)
  head.writeUInt8(2, 0)
  head.write(letter, 1)
  ;[limit, period, burst].forEach((number, index) => void head.writeDoubleBE(number, 2 + 8 * index))
  const rest = Buffer.alloc(8 * (numbers.length + 1))
  ;[NOW + 60_000, ...numbers].forEach((number, index) => void rest.writeDoubleBE(number, 8 * index))
  return Buffer.concat([head, rest])
}

it.each([
  ['a token bucket', earlierValue('t', 60, 3_600_000, 60, NOW, 10), bucket],
  [
    'a fixed window',
    earlierValue('f', 60, 3_600_000, 0, NOW, NOW - 1000, NOW + 3_599_000, 10),
    { algorithm: 'fixed-window', limit: 60, period: 3_600_000 },
  ],
  [
    'a sliding window',
    earlierValue('w', 60, 3_600_000, 0, NOW, NOW - 1000, 0, 10),
    { algorithm: 'sliding-window', limit: 60, period: 3_600_000 },
  ],
] as const)(
  'the Redis store retains the used units of %s from the previous version',
  async (name, value, limit) => {
    const store = new ScriptStore(new IoRedisConnection(client, false), `${name}:`, () => NOW)
    await client.set(storeKey(`${name}:`, 's', 'key'), value, 'PX', 60_000)
    const remainingUnder = async (units: number) => {
      const raised = 'burst' in limit ? { ...limit, limit: units, burst: units } : { ...limit, limit: units }
      return (await store.peek([{ scope: 's', key: 'key', limit: raised, cost: 0 }]))[0]?.remaining
    }
    expect(await remainingUnder(60)).toBe(50)
    expect(await remainingUnder(600)).toBe(590)
  },
)

function doubles(...numbers: number[]): Buffer {
  const bytes = Buffer.alloc(8 * numbers.length)
  numbers.forEach((number, index) => void bytes.writeDoubleBE(number, 8 * index))
  return bytes
}

it('the Redis store retains the entries of a sliding log from the previous version with their times', async () => {
  const store = new ScriptStore(new IoRedisConnection(client, false), 'log:', () => NOW)
  const key = storeKey('log:', 's', 'key')
  // Ten units half an hour ago, and five a minute ago.
  const header = earlierValue('l', 60, 3_600_000, 0, NOW - 60_000, 0, 0, 2, 0)
  const entries = { 0: doubles(NOW - 1_800_000, 10), 1: doubles(NOW - 60_000, 15) }
  await client.hset(key, { h: header, ...entries })
  await client.pexpire(key, 60_000)
  const left = async (limit: number, period: number) => {
    const log = { algorithm: 'sliding-log', limit, period } as const
    return (await store.peek([{ scope: 's', key: 'key', limit: log, cost: 0 }]))[0]?.remaining
  }
  expect(await left(60, 3_600_000)).toBe(45)
  expect(await left(600, 3_600_000)).toBe(585)
  expect(await left(60, 600_000)).toBe(55)
  const log = { algorithm: 'sliding-log', limit: 600, period: 3_600_000 } as const
  const [taken] = await store.take([{ scope: 's', key: 'key', limit: log, cost: 585 }])
  expect(taken).toMatchObject({ allowed: true, remaining: 0 })
})

it('the Redis store counts slots from the previous version until they are released', async () => {
  const store = new ScriptStore(new IoRedisConnection(client, false), 'slots:', () => NOW)
  const key = storeKey('slots:', 's', 'key')
  const header = earlierValue('n', 4, 30_000, 0, NOW - 1000, 3)
  await client.zadd(key, NOW + 29_000, '=one', NOW + 20_000, '=two', -2, '#two', '+inf', header)
  await client.pexpire(key, 60_000)
  const slots = { algorithm: 'concurrency', limit: 6, lease: 30_000 } as const
  const charge = { scope: 's', key: 'key', limit: slots, cost: 2, lease: 'two' }
  const left = async () => (await store.peek([{ ...charge, cost: 0 }]))[0]?.remaining
  expect(await left()).toBe(3)
  const taken = { cost: 2, at: NOW - 1000, resetAfter: 30_000, lease: 'two' }
  await store.settle([{ charge, taken, cost: 0 }])
  expect(await left()).toBe(5)
})
