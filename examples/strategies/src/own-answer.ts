import { limit } from 'sluice/fastify'
import {
  answers,
  featuresOf,
  lightweightModel,
  type PredictionApp,
  prediction,
  row,
} from 'sluice-example-prediction-app'
import type { Shared } from './shared.js'

/** Adds a route that refuses in a custom format. The limit adds its headers to the response. */
export function ownAnswerRoutes(app: PredictionApp, { store }: Shared): void {
  const customRefusal = limit({
    store,
    name: 'own answer',
    rules: [{ limit: '5/minute', algorithm: 'fixed-window' }],
    refuse: ({ retryAfter }) => ({
      status: 429,
      body: { error: 'rate_limit_exceeded', retry_after_seconds: Math.ceil(retryAfter / 1000) },
    }),
  })
  app.post(
    '/own-answer/predict',
    { onRequest: customRefusal, schema: { body: row, response: answers(prediction) } },
    async ({ body }) => lightweightModel(featuresOf(body)),
  )
}
