import { withFailurePolicy } from 'sluice'
import { limit } from 'sluice/fastify'
import { redisStore } from 'sluice/redis'

export function limits(url: string) {
  const store = withFailurePolicy(redisStore(url), { policy: 'local', peers: 3 })
  return {
    predict: limit({ store, name: 'predict', rules: [{ limit: '20/60s', algorithm: 'fixed-window' }] }),
    batch: limit({ store, name: 'batch', rules: [{ limit: '5 per 300 seconds', algorithm: 'fixed-window' }] }),
  }
}
