import { keyDigest, newKey } from 'sluice/identity'
import { serve } from 'sluice-example-prediction-app'
import { strategiesApp } from './app.js'

// Only the digest is stored. For keys that survive a restart, store digests in a file or a
// database.
const premium = newKey()
console.log(`POST /premium/predict requires -H 'x-api-key: ${premium}'`)
const keys = [{ sha256: keyDigest(premium), client: 'acme', tier: 'premium' }]
await serve(await strategiesApp({ keys }))
