import { createLimiter, withFailurePolicy } from 'sluice'
import { memcachedStore } from 'sluice/memcached' // npm install memcache-client tslib

const store = withFailurePolicy(memcachedStore('memcached://localhost:11211'), { policy: 'local', peers: 4 })
export const limiter = createLimiter({ store, name: 'predict', rules: [{ limit: '10/hour' }] })
