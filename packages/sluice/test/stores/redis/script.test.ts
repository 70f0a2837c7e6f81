import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { IoRedisConnection } from '../../../src/stores/redis/clients/ioredis.js'
import { ScriptStore } from '../../../src/stores/redis/redis-store.js'
import { type RedisServer, startRedis } from '../servers/redis.js'
import { LIMITS, play, type Trace, trace } from './random-traces.js'
import { ReferenceStore } from './reference-store.js'

describe('the Redis script', () => {
  let server: RedisServer
  let client: Redis
  let traces = 0

  beforeAll(async () => {
    server = await startRedis()
    client = new Redis(server.port)
  })

  afterAll(async () => {
    client.disconnect()
    await server.stop()
  })

  it.each(Object.entries(LIMITS))(
    '%s: decides exactly as the TypeScript algorithm does',
    async (_name, limit) => {
      await fc.assert(
        fc.asyncProperty(trace(limit), (each) => playHere(each, 1)),
        { seed: 20261124, numRuns: 150 },
      )
    },
  )

  it.each(Object.entries(LIMITS))(
    '%s: decides a batch of requests as if they had arrived one after another',
    async (_name, limit) => {
      await fc.assert(fc.asyncProperty(trace(limit, 120), fc.constantFrom(2, 5, 20, 120), playHere), {
        seed: 20261126,
        numRuns: 150,
      })
    },
  )

  async function playHere(each: Trace, groupSize: number): Promise<void> {
    const reference = new ReferenceStore()
    reference.now = Date.UTC(2026, 9, 24, 21, 30)
    const prefix = `trace ${traces++}:`
    const store = new ScriptStore(new IoRedisConnection(client, false), prefix, () => reference.now)
    await play(each, reference, store, groupSize)
  }
})
