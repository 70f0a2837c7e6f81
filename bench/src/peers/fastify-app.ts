/**
 * The application of the folder `fastapi` on Fastify. The arguments are its port, and `limited` for
 * a limit in memory for each API key.
 */
import fastify, { type FastifyRequest } from 'fastify'
import { limit } from 'sluice/fastify'
import { REQUESTS_PER_MINUTE } from './limits.js'

const ROW = {
  type: 'object',
  required: ['features'],
  properties: { features: { type: 'array', items: { type: 'number' } } },
}

const [port, limits] = process.argv.slice(2)
const perKey = limit({
  rules: [
    {
      limit: `${REQUESTS_PER_MINUTE}/minute`,
      algorithm: 'fixed-window',
      by: (request: FastifyRequest) => request.headers.authorization ?? '',
    },
  ],
})
const app = fastify()
app.post<{ Body: { features: number[] } }>(
  '/predict',
  { schema: { body: ROW }, ...(limits === 'limited' && { onRequest: perKey }) },
  async ({ body }) => ({ prediction: body.features.reduce((sum, each) => sum + each, 0), confidence: 0.93 }),
)
await app.listen({ port: Number(port), host: '127.0.0.1' })
