import { expect, it } from 'vitest'
import type { Limit } from '../../../src/limits/limit.js'
import type { Connection } from '../../../src/stores/redis/redis-connection.js'
import { ScriptStore } from '../../../src/stores/redis/redis-store.js'
import type { Charge, StoreVerdict } from '../../../src/stores/store.js'

const LIMITS: Limit[] = [
  { algorithm: 'token-bucket', limit: 5, period: 1000, burst: 5 },
  { algorithm: 'fixed-window', limit: 5, period: 1000 },
  { algorithm: 'sliding-window', limit: 5, period: 1000 },
  { algorithm: 'sliding-log', limit: 5, period: 1000 },
  { algorithm: 'concurrency', limit: 5, lease: 1000 },
]
/** The time, that the job was done, and for each charge its cost and state. */
const WHOLE =
  8 + 1 + LIMITS.reduce((bytes, { algorithm }) => bytes + 8 + (algorithm === 'token-bucket' ? 8 : 32), 0)

function charges(key: string): Charge[] {
  return LIMITS.map((limit) => ({ scope: limit.algorithm, key, limit, cost: 1, lease: key }))
}

/** Something that always answers so. */
function answering(reply: unknown, cluster = false): Connection {
  return { cluster, keyPrefix: '', run: async () => reply, close: async () => {} }
}

function done(bytes: number): Buffer {
  const answer = Buffer.alloc(bytes)
  if (bytes > 8) answer[8] = 1
  return answer
}

it('an answer that ends anywhere before its end fails all calls that it is for', async () => {
  for (let bytes = 0; bytes < WHOLE; bytes++) {
    const store = new ScriptStore(answering([done(bytes)]), '')
    const calls = [store.take(charges('a')), store.settle([settled()]), store.peek(charges('b'))]
    for (const call of await Promise.allSettled(calls))
      expect(call).toMatchObject({
        status: 'rejected',
        reason: { message: expect.stringMatching(/gave no answer/) },
      })
  }
})

it('one that goes on after its end is as little an answer', async () => {
  await expect(new ScriptStore(answering([done(WHOLE + 1)]), '').take(charges('a'))).rejects.toThrow(
    'gave no answer',
  )
  expect(await new ScriptStore(answering([done(WHOLE)]), '').take(charges('a'))).toHaveLength(5)
})

it('nor is what is no row of bytes', async () => {
  for (const reply of [undefined, null, 'OK', 1, [], ['text'], [[Buffer.alloc(400)]], Buffer.alloc(400)])
    await expect(new ScriptStore(answering(reply), '').take(charges('a'))).rejects.toThrow('gave no answer')
})

it('what one slot took is given back where another answers with less than was asked', async () => {
  const asked: string[] = []
  const connection: Connection = {
    ...answering(undefined, true),
    run: async (_command, _script, keys) => {
      asked.push(...keys)
      return [done(keys[0]?.startsWith('12:token') || asked.length > LIMITS.length ? 8 + 1 + 16 : 12)]
    },
  }
  await expect(new ScriptStore(connection, '').take(charges('a'))).rejects.toThrow('gave no answer')
  expect(asked.slice(LIMITS.length)).toEqual(['12:token-bucket:a'])
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
