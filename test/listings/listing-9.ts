import express from 'express'
import { limit } from 'sluice/express'

const app = express()
app.post('/predict', limit('10/minute'), (_request, response) => {
  response.json({ prediction: 1 })
})
