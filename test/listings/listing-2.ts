import { limit } from 'sluice/express'
import { cachedLookup, identity, keyTable } from 'sluice/identity'
import { jwtVerifier } from 'sluice/jwt' // wants the package `jose` beside it

export const premiumLimit = limit({
  identify: identity({
    apiKeys: cachedLookup(async (sha256) => database.clientOfKey(sha256)), // or keyTable([{ sha256, client, tier }])
    jwt: jwtVerifier({ jwks: 'https://login.example/jwks.json', audience: 'https://models.example', tier: 'plan' }),
  }),
  tiers: { free: 1, premium: 5 },
  require: (_request, client) => client?.tier === 'premium',
  refuseWith: { status: 403, detail: 'Premium access required' },
  rules: [{ limit: '30/minute' }],
})

export const known = keyTable([])

declare const database: { clientOfKey(sha256: string): Promise<{ id: string; tier?: string } | undefined> }
