import { createLimiter } from 'sluice'
import { redisStore } from 'sluice/redis' // or memcachedStore from 'sluice/memcached'

export const shared = createLimiter({
  name: 'predictions',
  store: redisStore('redis://127.0.0.1:6379/0'),
  rules: [{ limit: '10/minute' }],
})
