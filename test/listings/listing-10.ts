import fastify from 'fastify'
import { limit } from 'sluice/fastify'

const app = fastify()
app.post('/predict', { preHandler: limit('10/minute') }, async () => ({ prediction: 1 }))
