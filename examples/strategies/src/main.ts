import { keyDigest, newKey } from 'sluice/identity'
import { serve } from 'sluice-example-prediction-app'
import { strategiesApp } from './app.js'

// Only the digest is kept. Keys that outlive a restart stand in a file or a database, as digests too.
const premium = newKey()
console.log(`POST /premium/predict wants -H 'x-api-key: ${premium}'`)
const keys = [{ sha256: keyDigest(premium), client: 'acme', tier: 'premium' }]
await serve(await strategiesApp({ keys }))
