import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { memcachedStore } from 'sluice/memcached'
import { redisStore } from 'sluice/redis'
import { options } from './conversation.js'

const { url, prefix, client } = options

/** @param {number} attempt */
const pauseBefore = (attempt) => Math.min(25 * attempt, 200)
const made = client === undefined ? undefined : await (client === 'ioredis' ? ioRedis() : nodeRedis())

/** The store that the processes share. */
export const store = open()

/** Ends the connection of a client that was handed to the store. */
export async function disconnect() {
  if (made !== undefined) await ('disconnect' in made ? made.disconnect() : made.destroy())
}

function open() {
  if (url.startsWith('memcached:')) return memcachedStore({ url, prefix })
  return made === undefined ? redisStore({ url, prefix }) : redisStore({ client: made, prefix })
}

/** As docs/stores.md says. */
function ioRedis() {
  const redis = new Redis(url, { maxRetriesPerRequest: 0, socketTimeout: 2500, retryStrategy: pauseBefore })
  redis.on('error', () => {})
  return redis
}

function nodeRedis() {
  const redis = createClient({ url, socket: { reconnectStrategy: pauseBefore } })
  redis.on('error', () => {})
  return redis.connect()
}

// Connected before the process says that it is ready; on a busy machine the first attempt may come to nothing.
const limit = { algorithm: 'token-bucket', limit: 1, period: 1000, burst: 1 }
const end = performance.now() + 20_000
for (let connected = false; !connected; ) {
  try {
    await store.peek([{ scope: 'not', key: 'a limit', limit, cost: 0 }])
    connected = true
  } catch (error) {
    if (performance.now() > end) throw error
    await pause(50)
  }
}
