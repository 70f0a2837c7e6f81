import type { AddressInfo } from 'node:net'
import rateLimit from '@fastify/rate-limit'
import fastify from 'fastify'
import { limit } from 'sluice/fastify'
import type { Guard } from './served.js'
import { tellHowItDoes } from './server-process.js'

const guard = process.argv[2] as Guard
const app = fastify()
if (guard === 'peer') await app.register(rateLimit, { max: 1_000_000_000, timeWindow: '1 minute' })
app.get('/predict', guard === 'sluice' ? { onRequest: limit('1000000000/minute') } : {}, async () => ({
  prediction: 1,
}))
await app.listen({ port: 0, host: '127.0.0.1' })
tellHowItDoes((app.server.address() as AddressInfo).port)
