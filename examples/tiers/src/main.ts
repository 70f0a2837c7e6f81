import { keyDigest, newKey } from 'sluice/identity'
import { serve } from 'sluice-example-prediction-app'
import { tiersApp } from './app.js'

// Only the digests are stored. For keys that survive a restart, store digests in a file or a
// database.
const [free, premium] = [newKey(), newKey()]
console.log(`try it with -H 'x-api-key: ${free}' (free) and -H 'x-api-key: ${premium}' (premium)`)
await serve(
  await tiersApp([
    { sha256: keyDigest(free), client: 'visitor-with-a-key', tier: 'free' },
    { sha256: keyDigest(premium), client: 'acme', tier: 'premium' },
  ]),
)
