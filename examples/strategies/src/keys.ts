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

/** Formats of limits and keys to count by. */
export function keyRoutes(app: PredictionApp, { store, identify }: Shared): void {
  const schema = { body: row, response: answers(prediction) }

  // A limit string; `;` separates several limits. A request is charged to all of them or to none.
  const twoLimits = limit({
    store,
    name: 'predict',
    rules: [{ limit: '5/minute; 8/hour', algorithm: 'fixed-window' }],
  })
  app.post('/predict', { onRequest: twoLimits, schema }, async ({ body }) =>
    lightweightModel(featuresOf(body)),
  )

  // A custom key function, in a list with `client`: each client has a limit for each model. It runs
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
