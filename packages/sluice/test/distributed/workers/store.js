import { setTimeout as pause } from 'node:timers/promises'
import { memcachedStore } from 'sluice/memcached'
import { redisStore } from 'sluice/redis'
import { options } from './conversation.js'

const { url, prefix } = options

/** The store that the processes share. */
export const store = url.startsWith('memcached:')
  ? memcachedStore({ url, prefix })
  : redisStore({ url, prefix })

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
