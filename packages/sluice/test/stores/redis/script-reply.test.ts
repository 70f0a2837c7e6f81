import { expect, it } from 'vitest'
import type { Limit } from '../../../src/limits/limit.js'
import type { RedisConnection } from '../../../src/stores/redis/redis-connection.js'
import { ScriptStore } from '../../../src/stores/redis/redis-store.js'
import type { Charge, StoreVerdict } from '../../../src/stores/store.js'

const LIMITS: Limit[] = [
  { algorithm: 'token-bucket', limit: 5, period: 1000, burst: 5 },
  { algorithm: 'fixed-window', limit: 5, period: 1000 },
  { algorithm: 'sliding-window', limit: 5, period: 1000 },
  { algorithm: 'sliding-log', limit: 5, period: 1000 },
  { algorithm: 'concurrency', limit: 5, lease: 1000 },
]
/** Size of a reply: the time, the status, and the cost and state of each charge. */
const REPLY_SIZE =
  8 + 1 + LIMITS.reduce((bytes, { algorithm }) => bytes + 8 + (algorithm === 'token-bucket' ? 8 : 32), 0)

function charges(key: string): Charge[] {
  return LIMITS.map((limit) => ({ scope: 's', key: `${limit.algorithm} ${key}`, limit, cost: 1, lease: key }))
}

/** Returns a connection with a fixed reply. */
function connectionWith(reply: unknown, cluster = false): RedisConnection {
  return { cluster, keyPrefix: '', run: async () => reply, close: async () => {} }
}

function replyOf(bytes: number): Buffer {
  const reply = Buffer.alloc(bytes)
  if (bytes > 8) reply[8] = 1
  return reply
}

it('a Redis store rejects all jobs if their reply is truncated', async () => {
  for (let bytes = 0; bytes < REPLY_SIZE; bytes++) {
    const store = new ScriptStore(connectionWith([replyOf(bytes)]), '')
    const calls = [store.take(charges('a')), store.settle([settled()]), store.peek(charges('b'))]
    for (const call of await Promise.allSettled(calls))
      expect(call).toMatchObject({
        status: 'rejected',
        reason: { message: expect.stringMatching(/returned an invalid reply/) },
      })
  }
})

it('a Redis store rejects all jobs if their reply has excess bytes', async () => {
  await expect(
    new ScriptStore(connectionWith([replyOf(REPLY_SIZE + 1)]), '').take(charges('a')),
  ).rejects.toThrow('returned an invalid reply')
  expect(await new ScriptStore(connectionWith([replyOf(REPLY_SIZE)]), '').take(charges('a'))).toHaveLength(5)
})

it('a Redis store rejects a reply whose first element is not a buffer', async () => {
  for (const reply of [undefined, null, 'OK', 1, [], ['string'], [[Buffer.alloc(400)]], Buffer.alloc(400)])
    await expect(new ScriptStore(connectionWith(reply), '').take(charges('a'))).rejects.toThrow(
      'returned an invalid reply',
    )
})

it('a Redis store refunds the charges in one cluster slot if the reply for another slot is truncated', async () => {
  const requested: string[] = []
  const connection: RedisConnection = {
    ...connectionWith(undefined, true),
    run: async (_command, _script, keys) => {
      requested.push(...keys)
      return [replyOf(keys[0]?.startsWith('v2:{token') || requested.length > LIMITS.length ? 8 + 1 + 16 : 12)]
    },
  }
  await expect(new ScriptStore(connection, '').take(charges('a'))).rejects.toThrow(
    'returned an invalid reply',
  )
  expect(requested.slice(LIMITS.length)).toEqual(['v2:{token-bucket+a}:s'])
})

function settled() {
  const [charge] = charges('c') as [Charge]
  const taken: StoreVerdict = {
    allowed: true,
    at: 1,
    remaining: 0,
    resetAfter: 1,
    retryAfter: 0,
    moreAfter: 0,
  }
  return { charge, taken: { ...taken, cost: 1 }, cost: 0 }
}
