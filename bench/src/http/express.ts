import type { AddressInfo } from 'node:net'
import express, { type RequestHandler } from 'express'
import rateLimit from 'express-rate-limit'
import { limit } from 'sluice/express'
import { CONSTANT_HEADERS, type Guard } from './served.js'
import { reportUsage } from './server-process.js'

const guards: Record<Guard, RequestHandler[]> = {
  sluice: [limit('1000000000/minute')],
  peer: [
    rateLimit({ limit: 1_000_000_000, windowMs: 60_000, standardHeaders: 'draft-8', legacyHeaders: false }),
  ],
  headers: [
    (_request, response, next) => {
      for (const [name, value] of CONSTANT_HEADERS) response.setHeader(name, value)
      next()
    },
  ],
  bare: [],
}

const app = express()
app.get('/predict', ...guards[process.argv[2] as Guard], (_request, response) => {
  response.json({ prediction: 1 })
})
const server = app.listen(0, '127.0.0.1', () => reportUsage((server.address() as AddressInfo).port))
