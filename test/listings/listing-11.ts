import { Hono } from 'hono'
import { limit } from 'sluice/hono'

const app = new Hono()
app.post('/predict', limit('10/minute'), (context) => context.json({ prediction: 1 }))
