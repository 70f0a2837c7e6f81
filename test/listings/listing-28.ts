import { createLimiter, withFailurePolicy } from 'sluice'
import { redisStore } from 'sluice/redis' // npm install ioredis

const store = withFailurePolicy(redisStore('redis://localhost:6379'), { policy: 'local', peers: 4 })
export const limiter = createLimiter({ store, name: 'predict', rules: [{ limit: '10/hour' }] })
