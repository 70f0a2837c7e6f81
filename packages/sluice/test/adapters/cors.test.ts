import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import cors from 'cors'
import express from 'express'
import { expect, it, onTestFinished } from 'vitest'
import { limit } from '../../src/adapters/express.js'
import { sendRequest } from './requests.js'

it('a refusal keeps the CORS headers of middleware before the limit, which also answers preflights', async () => {
  const app = express()
  app.use(cors({ origin: 'https://app.example', exposedHeaders: ['RateLimit', 'Retry-After'] }))
  app.use(limit({ rules: [{ limit: '1/hour', algorithm: 'fixed-window' }] }))
  app.post('/predict', (_request, response) => {
    response.send('fine')
  })
  const server = await new Promise<Server>((resolve) => {
    const server = app.listen(0, '127.0.0.1', () => resolve(server))
  })
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const headers = { origin: 'https://app.example' }
  const preflight = { ...headers, 'access-control-request-method': 'POST' }
  for (const expected of [200, 429]) {
    expect((await sendRequest(port, '/predict', { method: 'OPTIONS', headers: preflight })).status).toBe(204)
    const response = await sendRequest(port, '/predict', { headers })
    expect(response.status).toBe(expected)
    expect(response.headers).toMatchObject({
      'access-control-allow-origin': 'https://app.example',
      'access-control-expose-headers': 'RateLimit,Retry-After',
      ratelimit: expect.stringContaining('r=0'),
    })
  }
})
