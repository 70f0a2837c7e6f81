import express from 'express'
import { limit, settle } from 'sluice/express' // or fastify, hono, koa, nest, fetch

const app = express().use(express.json())
app.post('/predict', limit('10/minute'), (request, response) => {
  response.json({ prediction: request.body.features.length })
})
app.post(
  '/v1/chat/completions',
  limit({ rules: [{ limit: '60/minute' }, { limit: '100k/minute', of: 'tokens', cost: 2000 }, { concurrent: 4 }] }),
  async (request, response) => {
    await settle(request, { tokens: 812 }) // what it cost in truth
    response.json({ choices: [] })
  },
)
