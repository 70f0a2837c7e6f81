import { limit } from 'sluice/fastify'
import {
  answers,
  featuresOf,
  lightweightModel,
  modelParams,
  models,
  type PredictionApp,
  prediction,
  row,
} from 'sluice-example-prediction-app'
import type { Shared } from './shared.js'

/** Adds a route with two limits in one string and a route with a custom key. */
export function keyRoutes(app: PredictionApp, { store, identify }: Shared): void {
  const schema = { body: row, response: answers(prediction) }

  // A limit string, in which `;` separates limits. A request is charged to all of them or to none.
  const twoLimits = limit({
    store,
    name: 'predict',
    rules: [{ limit: '5/minute; 8/hour', algorithm: 'fixed-window' }],
  })
  app.post('/predict', { onRequest: twoLimits, schema }, async ({ body }) =>
    lightweightModel(featuresOf(body)),
  )

  // A key function combined with `client`: each client has a limit for each model. The limit runs
  // after the validation, so that an unknown model is an invalid request rather than a new key.
  const byModel = limit({
    store,
    name: 'models',
    identify,
    rules: [
      {
        limit: '5/minute',
        algorithm: 'fixed-window',
        by: ['client', ({ params }) => (params as { model: string }).model],
      },
    ],
  })
  app.post(
    '/models/:model/predict',
    { preHandler: byModel, schema: { ...schema, params: modelParams } },
    async ({ body, params }) => models[params.model](featuresOf(body)),
  )
}
