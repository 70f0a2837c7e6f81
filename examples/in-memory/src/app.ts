import { memoryStore, type Store } from 'sluice'
import { limit } from 'sluice/fastify'
import {
  answers,
  featuresOf,
  lightweightModel,
  type PredictionApp,
  prediction,
  predictionApp,
  predictions,
  row,
  table,
} from 'sluice-example-prediction-app'

/** Limits in memory: requests a minute for each address on each route. */
export async function inMemoryApp(store: Store = memoryStore()): Promise<PredictionApp> {
  const app = await predictionApp({
    title: 'In memory',
    description: 'Ten predictions and two batches a minute for an address; the model card is free.',
  })
  // Runs before the body is read, so a refused request costs next to nothing.
  const limitedTo = (text: string) => ({
    onRequest: limit({
      store,
      name: text,
      rules: [{ limit: text, algorithm: 'fixed-window', by: ['ip', 'route'] }],
    }),
  })

  app.post(
    '/predict',
    { ...limitedTo('10/minute'), schema: { body: row, response: answers(prediction) } },
    async ({ body }) => lightweightModel(featuresOf(body)),
  )
  app.post(
    '/batch-predict',
    { ...limitedTo('2/minute'), schema: { body: table, response: answers(predictions) } },
    async ({ body }) => ({ predictions: body.data.map(lightweightModel) }),
  )
  app.get('/model-info', async () => ({ model: 'logistic', classes: ['calm', 'busy'] }))
  return app
}
