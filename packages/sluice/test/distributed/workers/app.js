// Serves an app with limits of every algorithm, keyed by client secrets.

import fastify from 'fastify'
import { createLocalJWKSet } from 'jose'
import { limit } from 'sluice/fastify'
import { identity, keyTable } from 'sluice/identity'
import { jwtVerifier } from 'sluice/jwt'
import { store } from './store.js'
import { options, serveRequests } from './worker-messages.js'

const { audience, jwks, apiKeys } = options
const jwt = jwtVerifier({ jwks: createLocalJWKSet(jwks), audience })
const identify = identity({ apiKeys: keyTable(apiKeys), jwt })

const by = 'header:x-api-key'
const shared = { store, trustedProxies: ['127.0.0.1'] }
const app = fastify()

app.get('/by-header', {
  onRequest: limit({
    ...shared,
    name: 'by-header',
    rules: [
      { name: 'bucket', limit: '5/hour', by },
      { name: 'fixed', limit: '5/hour', algorithm: 'fixed-window', by },
      { name: 'sliding', limit: '5/hour', algorithm: 'sliding-window', by: ['route', by] },
      { name: 'log', limit: '5/hour', algorithm: 'sliding-log', by: [by, 'header:authorization'] },
      { name: 'slots', concurrent: 5, lease: '1h', by: 'header:authorization' },
    ],
  }),
  handler: async () => 'ok',
})

app.get('/by-client', {
  onRequest: limit({
    ...shared,
    name: 'by-client',
    identify,
    rules: [
      { limit: '5/hour', by: 'client' },
      { concurrent: 5, lease: '1h', by: ['client', 'route'] },
    ],
  }),
  handler: async () => 'ok',
})

await app.listen({ port: 0, host: '127.0.0.1' })
const [address] = app.addresses()
serveRequests(() => address?.port)
