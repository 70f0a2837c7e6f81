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

/** What a limit may look like, and whom it counts for. */
export function keyRoutes(app: PredictionApp, { store, identify }: Shared): void {
  const schema = { body: row, response: answers(prediction) }

  // A limit string; several are joined with `;`. A request takes from all of them or from none.
  const twoLimits = limit({
    store,
    name: 'predict',
    rules: [{ limit: '5/minute; 8/hour', algorithm: 'fixed-window' }],
  })
  app.post('/predict', { onRequest: twoLimits, schema }, async ({ body }) =>
    lightweightModel(featuresOf(body)),
  )

  // A key function of your own, in a list with `client`: each client has a limit for each model. It runs behind the
  // validation, so that a made-up name of a model is a wrong request and no fresh key.
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
