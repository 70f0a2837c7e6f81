import { memcachedStore } from 'sluice/memcached'
import { redisStore } from 'sluice/redis'
import { options } from './conversation.js'

const { url, prefix } = options

/** The store that the processes share. */
export const store = url.startsWith('memcached:')
  ? memcachedStore({ url, prefix })
  : redisStore({ url, prefix })

// Connected before the process says that it is ready.
const limit = { algorithm: 'token-bucket', limit: 1, period: 1000, burst: 1 }
await store.peek([{ scope: 'not', key: 'a limit', limit, cost: 0 }])
