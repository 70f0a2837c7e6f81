import { limit } from 'sluice/fastify'
import {
  answers,
  featuresOf,
  heavyModel,
  type PredictionApp,
  prediction,
  row,
} from 'sluice-example-prediction-app'
import type { Shared } from './shared.js'

/**
 * Adds a route for clients of one tier, identified by their API keys. Requests of other clients are
 * not charged to its limit.
 */
export function premiumRoutes(app: PredictionApp, { store, identify }: Shared): void {
  const premiumOnly = limit({
    store,
    name: 'premium',
    identify,
    require: (_request, client) => client?.tier === 'premium',
    refuseWith: { status: 403, detail: 'Premium access required' },
    rules: [{ limit: '30/minute', algorithm: 'fixed-window', by: 'client' }],
  })
  app.post(
    '/premium/predict',
    { onRequest: premiumOnly, schema: { body: row, response: answers(prediction) } },
    async ({ body }) => heavyModel(featuresOf(body)),
  )
}
