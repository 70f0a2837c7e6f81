import type { Store } from 'sluice'
import { limit } from 'sluice/fastify'
import {
  answers,
  featuresOf,
  lightweightModel,
  type PredictionApp,
  predictionApp,
  predictionBy,
  predictionsBy,
  row,
  rows,
} from 'sluice-example-prediction-app'

/**
 * An app with twenty predictions a minute and five batches in five minutes for each address.
 * Each response contains the id of the process that sent it.
 */
export async function redisApp(store: Store): Promise<PredictionApp> {
  const app = await predictionApp({
    title: 'Redis',
    description: 'Twenty predictions in 60 seconds and five batches in 300, whichever process responds.',
  })
  const limitedTo = (name: string, limitString: string) => ({
    onRequest: limit({ store, name, rules: [{ limit: limitString, algorithm: 'fixed-window', by: 'ip' }] }),
  })
  app.post(
    '/predict',
    { ...limitedTo('predict', '20/60s'), schema: { body: row, response: answers(predictionBy) } },
    async ({ body }) => ({ ...lightweightModel(featuresOf(body)), process: process.pid }),
  )
  app.post(
    '/predict/batch',
    { ...limitedTo('batch', '5 per 300 seconds'), schema: { body: rows, response: answers(predictionsBy) } },
    async ({ body }) => ({
      predictions: body.map(({ features }) => lightweightModel(features)),
      process: process.pid,
    }),
  )
  return app
}
