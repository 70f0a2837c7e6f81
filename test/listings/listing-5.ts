import { limit } from 'sluice/fastify'
import { identity, keyTable } from 'sluice/identity'

export const twoLimits = limit('10/second; 100/minute')

export const premiumOnly = limit({
  identify: identity({ apiKeys: keyTable([]) }), // SHA-256 of each key, whose it is, and its tier
  require: (_request, client) => client?.tier === 'premium',
  refuseWith: { status: 403, detail: 'Premium access required' },
  rules: [{ limit: '30/minute' }],
  refuse: ({ retryAfter }) => ({ status: 429, body: { error: 'slow down', seconds: Math.ceil(retryAfter / 1000) } }),
})
