import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { IoRedisConnection } from '../../../src/stores/redis/clients/ioredis.js'
import { ScriptStore } from '../../../src/stores/redis/redis-store.js'
import { storeKey } from '../../../src/stores/redis/store-key.js'
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

/** As the version before wrote it: version, letter, limit, period, burst, zone; the expiry; the numbers of the state. */
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
  ;[limit, period, burst].forEach((number, place) => void head.writeDoubleBE(number, 2 + 8 * place))
  const rest = Buffer.alloc(8 * (numbers.length + 1))
  ;[NOW + 60_000, ...numbers].forEach((number, place) => void rest.writeDoubleBE(number, 8 * place))
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
] as const)('%s that the version before wrote to Redis is read in units', async (name, value, limit) => {
  const store = new ScriptStore(new IoRedisConnection(client, false), `${name}:`, () => NOW)
  await client.set(storeKey(`${name}:`, 's', 'key'), value, 'PX', 60_000)
  const look = async (most: number) => {
    const raised = 'burst' in limit ? { ...limit, limit: most, burst: most } : { ...limit, limit: most }
    return (await store.peek([{ scope: 's', key: 'key', limit: raised, cost: 0 }]))[0]?.remaining
  }
  expect(await look(60)).toBe(50)
  expect(await look(600)).toBe(590)
})
