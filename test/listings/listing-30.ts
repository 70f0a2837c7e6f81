import { createClient } from 'redis'
import { createLimiter, withFailurePolicy } from 'sluice'
import { redisStore } from 'sluice/redis'

const client = createClient({
  url: 'redis://localhost:6379',
  // Else a server that was away is looked for ever more seldom.
  socket: { reconnectStrategy: (attempt) => Math.min(25 * attempt, 200) },
})
client.on('error', () => {})
export const connect = () => client.connect()

const store = withFailurePolicy(redisStore({ client }), { policy: 'open' })
export const limiter = createLimiter({ store, name: 'orders', rules: [{ limit: '10/hour' }] })
