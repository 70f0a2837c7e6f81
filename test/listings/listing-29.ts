import { Redis } from 'ioredis'
import { createLimiter, withFailurePolicy } from 'sluice'
import { redisStore } from 'sluice/redis'

const client = new Redis('redis://localhost:6379', {
  lazyConnect: true,
  // Else a charge is made once more whose connection broke before its answer came.
  maxRetriesPerRequest: 0,
  // Else a connection that is dead without a word is used for as long as the system believes in it.
  socketTimeout: 2500,
  // Else a server that was away is looked for ever more seldom.
  retryStrategy: (attempt) => Math.min(25 * attempt, 200),
})
client.on('error', () => {}) // every call that meets it fails by itself

const store = withFailurePolicy(redisStore({ client, prefix: 'shop:' }), { policy: 'closed' })
export const limiter = createLimiter({ store, name: 'predict', rules: [{ limit: '10/hour' }] })
