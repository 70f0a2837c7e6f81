import { limit } from 'sluice/fastify'
import { identity, keyTable } from 'sluice/identity'

export const byTier = limit({
  identify: identity({ apiKeys: keyTable([]) }),
  tiers: { free: 1, premium: 5 },
  rules: [{ limit: '20/minute', algorithm: 'fixed-window', by: 'client' }],
})
