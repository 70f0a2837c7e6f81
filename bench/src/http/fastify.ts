import type { AddressInfo } from 'node:net'
import rateLimit from '@fastify/rate-limit'
import fastify, { type RouteShorthandOptions } from 'fastify'
import { limit } from 'sluice/fastify'
import { CONSTANT_HEADERS, type Guard } from './served.js'
import { reportUsage } from './server-process.js'

const guard = process.argv[2] as Guard
const app = fastify()
if (guard === 'peer') await app.register(rateLimit, { max: 1_000_000_000, timeWindow: '1 minute' })
const hooks: Partial<Record<Guard, RouteShorthandOptions>> = {
  sluice: { onRequest: limit('1000000000/minute') },
  headers: {
    onRequest: (_request, reply, done) => {
      for (const [name, value] of CONSTANT_HEADERS) reply.header(name, value)
      done()
    },
  },
}
app.get('/predict', hooks[guard] ?? {}, async () => ({ prediction: 1 }))
await app.listen({ port: 0, host: '127.0.0.1' })
reportUsage((app.server.address() as AddressInfo).port)
